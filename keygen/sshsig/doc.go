// Package sshsig signs and verifies with SSHSIG, the signature format of
// "ssh-keygen -Y" (PROTOCOL.sshsig of OpenSSH), so that an auditor needs
// nothing of ours to check what we signed.
//
// It is stricter than ssh-keygen where a record must outlive an argument: one
// armor for one signature, one roster line for one key, no certificates, no
// short or degenerate keys, and a touch on every security key.
//
// Start with NewKey and Sign on one side, with ParseRoster and Roster.Verify
// on the other.
package sshsig

// The namespaces of everything signed here. A namespace is part of what is
// signed, so a signature made for one purpose never serves another.
const (
	NamespaceRecord   = "keyturn-record"   // the bytes of a record.json
	NamespaceApproval = "keyturn-approval" // the bytes of an approval request
	NamespaceHead     = "keyturn-head"     // the head line of a trail
)
