// Package requestlog reads what the services logged about signed requests, and
// says what it means for a rotation: who uses which key, how many signatures
// failed, who still has the old key.
//
// Start with Source, which gives a Log; Usage, FailuresOf, Stragglers and
// FreshnessOf are pure functions of it.
package requestlog
