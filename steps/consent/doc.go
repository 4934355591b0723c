// Package consent gets the consent of second persons: the request, how it reaches
// them, and what their answer counts for. Start with Approver.
package consent
