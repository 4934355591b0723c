package record

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Head names a trail's last record. Its line, kept anywhere outside, is a
// witness: records up to it can neither change nor go unnoticed.
type Head struct {
	Trail  string // the trail's id
	Seq    int    // 0 for a trail without records
	Digest string // SHA-256 of the record.json; 64 zeros for none
}

// Line is the head for a ticket, a chat or a commit, without a line feed.
func (h Head) Line() string {
	return fmt.Sprintf("keyturn-trail v1 %s %d sha256:%s", h.Trail, h.Seq, h.Digest)
}

func (h Head) String() string { return h.Line() }

var headPattern = regexp.MustCompile(`^keyturn-trail v1 ([0-9a-f-]{36}) (0|[1-9][0-9]{0,8}) sha256:([0-9a-f]{64})$`)

// ParseHead reads a head line; blanks and line feeds around it are ignored.
func ParseHead(line string) (Head, error) {
	m := headPattern.FindStringSubmatch(strings.TrimSpace(line))
	if m == nil {
		return Head{}, fmt.Errorf("parse head: %.120q is no line like %q", line, "keyturn-trail v1 ID 12 sha256:…")
	}
	seq, err := strconv.Atoi(m[2])
	if err != nil {
		return Head{}, fmt.Errorf("parse head: %w", err)
	}
	return Head{Trail: m[1], Seq: seq, Digest: m[3]}, nil
}
