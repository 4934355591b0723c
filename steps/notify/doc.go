// Package notify writes the messages that people are to be sent, and posts them
// to a Slack incoming webhook. No message can hold a secret: none of the types
// it is made from can, and free text that looks like a key is left out.
//
// Start with Window, Emergency, RolledBack and Completed, and with Slack.
package notify
