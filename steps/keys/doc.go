// Package keys holds the keys of sessions in the vault: where each is kept,
// reading it, and the steps that generate and archive one. Start with Store.
package keys
