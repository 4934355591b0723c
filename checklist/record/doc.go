// Package record keeps the signed account of every finished session, in a form
// that outlives Keyturn: an auditor verifies it with ssh-keygen, jq and
// sha256sum (testdata/verify-trail.sh), or better with VerifyTrail.
//
// A trail is a folder:
//
//	id                                    the trail's id, a UUID
//	HEAD                                  one line that names the last record
//	000001-SESSION/record.json            what was done; its exact bytes are signed
//	000001-SESSION/record.json.sig        SSHSIG, namespace keyturn-record
//	000001-SESSION/report.md              the same for people, rendered from the above
//	000001-SESSION/journal.jsonl          the session's journal, byte for byte
//
// Each record names the digest of the one before it, of its journal and of its
// report. What a record says follows from its journal alone, and the verifier
// derives it again.
//
// Start with OpenTrail and Trail.Append on one side, with VerifyTrail on the
// other.
package record
