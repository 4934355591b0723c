// Package httpclient is the ground under every HTTP client of Keyturn. The rules
// about requests and answers stand here once: how long an answer may take and how
// much of it is read, that no redirect is followed, what is sent again and after
// which wait, that plain HTTP is for loopback only, and what may be quoted of an
// answer.
//
// Start with New. Client.Do makes a request as often as the rules allow; Client.Send
// makes it once, for a prober that wants to see every answer.
//
// A server may send back what it was sent: the token, a webhook's address, an HMAC
// secret. It can do so in an answer that breaks HTTP, and net/http quotes such an
// answer in its errors. So no error of net/http leaves this package. A request
// without an answer ends in a NoAnswerError, whose words are all our own, and what a
// server says in words goes through a Censor.
package httpclient
