// Package journal keeps the events of a session: in a file, one JSON object a
// line, or in memory for tests.
//
// Create begins a session's journal and Open comes back to it; both return a
// *File, which implements checklist.Journal. Each line names the SHA-256 of
// the line before it, with its line feed, so that stock tools can follow the
// chain:
//
//	sed -n 4p journal.jsonl | sha256sum   # is "prev" in line 5
//
// A line is on the disk, and the disk was told to flush, before Append
// returns. Only the last line can therefore be torn by a crash; Open drops it
// and writes an event that says so. Any other damage is a *DamagedError, and
// the file is left as it is.
//
// Append also checks that the file and the lock beside it are still the ones at
// their paths. Once they are not, nothing is written any more, and the error is a
// *checklist.LostError.
package journal
