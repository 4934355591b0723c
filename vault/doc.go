// Package vault keeps secrets where an operator can find them again: in the
// keychain of the operating system, or in files encrypted with age.
//
// Start with Open, which chooses a backend and remembers the choice, and with
// Vault, which every backend implements. NewMemory is for tests.
//
// # Layout
//
// A vault has a folder of its own:
//
//	store.json      which backend was chosen, when and why
//	index.json      names, versions, fingerprints; never a secret
//	lock            held around every change, so that two processes can share
//	identity.age    file backend: the age identity, under a passphrase
//	identity.txt    file backend on a sandbox: the identity in clear, mode 0600
//	recipient.txt   file backend: the public half, with which secrets are added
//	ID.age          file backend: one secret, with its name inside
//
// The keychain backend keeps only store.json, index.json and lock there; the
// secret's text itself is the keychain item with the vault's service and user
// name NAME/VERSION. store.json remembers the service, as "keychain:SERVICE".
//
// # What a crash can leave
//
// A version is written once and never overwritten. Put notes it in the index
// as pending, then stores the secret and reads it back, then marks it active.
// After a crash, or a write whose answer never came, the pending entry tells
// where to look: Get, Put and Archive ask the store and go on with what is
// there, so a secret that was stored is found under its name although nobody
// saw Put return. Put gives up a pending version that did not arrive. If its
// write ended without an answer, the number is not used again, since the
// secret may still land there. Delete marks the entry first and forgets it
// only once the secret is gone.
//
// # Sealed secrets
//
// Seal is for a secret that was compromised. The store keeps it as evidence,
// and a person can read it there with the store's own tools (secret-tool, the
// age program), but no method of Vault returns it any more.
//
// # What it does not protect against
//
// Somebody with root rights, a debugger, or write access to the folder while
// secrets are being added. On macOS the item trusts the security program, so
// any process of the same user can read it without a prompt.
package vault
