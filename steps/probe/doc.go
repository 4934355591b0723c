// Package probe proves, with signed requests, which keys a running service
// accepts. It knows nothing of checklists, deployments or vaults: it is given
// an address and keys, and it reports what the service answered.
//
// Start with Suite.Run, which asks every question at once, and with
// Prober.Probe, which asks a single one.
//
// A good answer alone proves nothing, since a service may accept everything,
// and a refusal alone proves nothing either, since it may refuse everything.
// A suite therefore pairs each accepted request with controls: requests that
// differ from it in exactly one way and must be refused.
package probe
