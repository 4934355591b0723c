// Package config reads keyturn.toml: strictly, and with every mistake named at
// once, each with its line and what to write instead.
//
// Start with Find and Load. The file holds no secret: one that is found in it
// is refused.
package config
