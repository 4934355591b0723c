// Package ownfile keeps Keyturn's files its own.
//
// Open opens a file that has one name and is reached without a link, and
// File.Check notices when the file at its path is no longer the one that is
// open. TryLock and TakeLock lock a file, and Lock.Check notices when the lock
// file was removed or replaced, after which somebody else could lock a new one.
// CheckWriters says whether anybody else could put other content at a path.
//
// An open file goes on working after its name is gone: what is written to it
// is lost without an error. That is why a file that must be found again has to
// be checked and cannot just be written.
package ownfile
