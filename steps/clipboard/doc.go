// Package clipboard puts a secret on the clipboard for a bounded time, for
// operators who paste it into a web page. Start with Find and Clipboard.Put.
//
// The secret reaches other programs by their standard input only, never by
// their arguments or environment. Where the platform has a mark that asks
// clipboard histories to look away, it is set; that is a request, not a
// protection.
//
// A process of its own clears the clipboard when the time is over, so that it
// is clean even where this process was killed: the watcher, whose body is
// Watch. It knows the secret only by a keyed hash.
//
// Some ways cannot be read back: what goes out through the terminal may or may
// not arrive. Clipboard.Blind tells, and Clipboard.Notice has the words for it.
package clipboard
