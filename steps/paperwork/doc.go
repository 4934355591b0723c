// Package paperwork holds the steps that write and tell: documents, messages, the
// calendar, the review of the last record and the export of the next.
package paperwork
