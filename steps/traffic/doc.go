// Package traffic reads the request logs: who signs with which key, what is
// refused, and who breaks when a key goes. Start with Requests.
package traffic
