// Package keygen makes and judges the secrets with which services sign
// requests. It is pure: it reads no file, no clock and no network.
//
// Start with Generate, and with ParseKeyID for the names that go with it.
package keygen
