package record

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"keyturn/keygen/sshsig"
)

// A trail whose last record was made by a clock that was ahead admits no other
// until that time has come. A successor goes on after it in a folder of its own:
// with the same id, so that fingerprints stay comparable, with the next number,
// and with the old head as the digest before its first record. That it may is
// said in the file predecessor, which the operator and a second person have
// signed.
const (
	predecessorFile  = "predecessor"
	byOperatorFile   = "predecessor.1.sig"
	bySecondFile     = "predecessor.2.sig"
	successionTitle  = "keyturn trail successor v1"
	successionEnding = "Signing this text lets a new trail go on after the record named above"
)

func predecessorFiles() []string {
	return []string{predecessorFile, byOperatorFile, bySecondFile}
}

// Succession says that a new trail goes on after the last record of another.
type Succession struct {
	Trail   string // the id of both
	Records int    // the number of the old one's last record
	Head    string // its SHA-256 in hex
	By      string // the operator's principal
	At      time.Time
	Reason  string
}

// Succession returns what is to be signed so that another trail may go on after
// this one. By is the operator's principal in the roster.
func (t *Trail) Succession(by, reason string, at time.Time) (Succession, error) {
	s := Succession{Trail: t.id, Records: t.head.Seq, Head: t.head.Digest, By: by, At: at.UTC().Truncate(time.Second), Reason: strings.TrimSpace(reason)}
	if len(t.folders) == 0 {
		return s, fmt.Errorf("trail %s has no record that another could go on after", t.dir)
	}
	_, err := ParseSuccession(s.Text())
	return s, err
}

// Text is the exact text that both people sign, in the namespace keyturn-head.
func (s Succession) Text() string {
	return strings.Join([]string{
		successionTitle, "Trail: " + s.Trail, "Records: " + strconv.Itoa(s.Records), "Head: " + s.Head,
		"By: " + s.By, "At: " + stamp(s.At), "Reason: " + s.Reason, successionEnding,
	}, "\n") + "\n"
}

var successionPattern = regexp.MustCompile(`^` + successionTitle + `
Trail: ([0-9a-f-]{36})
Records: ([1-9][0-9]{0,8})
Head: ([0-9a-f]{64})
By: ([a-z0-9][a-z0-9._+@-]{0,127})
At: (\S{20})
Reason: (\S|\S[^\n]{0,510}\S)
` + successionEnding + `
$`)

// ParseSuccession reads exactly what Text writes.
func ParseSuccession(text string) (Succession, error) {
	m := successionPattern.FindStringSubmatch(text)
	if m == nil || strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), func(c rune) bool { return !unicode.IsPrint(c) }) {
		return Succession{}, errors.New("it is no text by which a trail goes on after another: the reason is one line, the operator a principal of the roster")
	}
	at, err := parseStamp(m[5])
	if err != nil {
		return Succession{}, err
	}
	records, err := strconv.Atoi(m[2])
	return Succession{Trail: m[1], Records: records, Head: m[3], By: m[4], At: at, Reason: m[6]}, err
}

func (s Succession) head() Head { return Head{Trail: s.Trail, Seq: s.Records, Digest: s.Head} }

// verify returns the two people who signed, who must differ.
func (s Succession) verify(roster sshsig.Roster, byOperator, bySecond string) (people []string, file string, err error) {
	for i, armor := range []string{byOperator, bySecond} {
		file = predecessorFiles()[i+1]
		member, err := roster.Verify(armor, sshsig.NamespaceHead, []byte(s.Text()), s.At)
		if err != nil {
			return nil, file, err
		}
		people = append(people, member.Principal)
	}
	switch {
	case people[0] != s.By:
		return nil, byOperatorFile, fmt.Errorf("it is by %s, and the text names %s", people[0], s.By)
	case people[1] == s.By:
		return nil, bySecondFile, fmt.Errorf("%s has signed already: a second person has to", people[1])
	}
	return people, "", nil
}

// Succeed begins the trail that goes on after this one, and returns it. Both
// armors are signatures of Succession.Text. It is there as a whole or not at all.
// Nothing can be appended to this trail from then on.
func (t *Trail) Succeed(ctx context.Context, s Succession, byOperator, bySecond string, roster sshsig.Roster) (_ *Trail, err error) {
	l, err := t.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Release()) }()
	if err := errors.Join(t.load(l), t.open()); err != nil {
		return nil, err
	}
	if s.head() != t.head {
		return nil, fmt.Errorf("succeed trail %s: what was signed names %s, and its head is %s", t.dir, s.head().Line(), t.head.Line())
	}
	if _, file, err := s.verify(roster, byOperator, bySecond); err != nil {
		return nil, fmt.Errorf("succeed trail %s: %s: %w", t.dir, file, err)
	}
	next := nextDir(t.dir)
	if err := writeFolder(l, filepath.Dir(next), filepath.Base(next), map[string][]byte{
		attributesFile: []byte(attributes), idFile: []byte(t.id + "\n"), headFile: []byte(t.head.Line() + "\n"),
		predecessorFile: []byte(s.Text()), byOperatorFile: []byte(byOperator), bySecondFile: []byte(bySecond),
	}); err != nil {
		return nil, fmt.Errorf("write trail %s: %w", next, err)
	}
	return OpenTrail(next)
}

var numbered = regexp.MustCompile(`^(.*)-([0-9]{1,6})$`)

// nextDir names the folder of the trail that goes on after the one in dir:
// trail-2 after trail.
func nextDir(dir string) string {
	if m := numbered.FindStringSubmatch(dir); m != nil {
		if n, err := strconv.Atoi(m[2]); err == nil {
			return fmt.Sprintf("%s-%d", m[1], n+1)
		}
	}
	return dir + "-2"
}

// previousDir is nextDir the other way round.
func previousDir(dir string) string {
	m := numbered.FindStringSubmatch(dir)
	if m == nil {
		return dir
	}
	if n, err := strconv.Atoi(m[2]); err == nil && n > 2 {
		return fmt.Sprintf("%s-%d", m[1], n-1)
	}
	return m[1]
}

// Lineage returns the trail in dir and those that go on after it, oldest first.
// The last of them is the one to append to.
func Lineage(dir string) ([]string, error) {
	all := []string{dir}
	for {
		dir = nextDir(dir)
		if _, err := os.Stat(filepath.Join(dir, predecessorFile)); errors.Is(err, fs.ErrNotExist) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, dir)
	}
}

// readPredecessor reads what a trail goes on after; ok is false where that is no
// other trail.
func readPredecessor(dir, id string) (s Succession, ok bool, err error) {
	text, err := readFile(filepath.Join(dir, predecessorFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Succession{}, false, nil
	}
	if err != nil {
		return Succession{}, false, err
	}
	s, err = ParseSuccession(string(text))
	if err == nil && s.Trail != id {
		err = fmt.Errorf("it is about trail %s, and file %s says %s", s.Trail, idFile, id)
	}
	return s, err == nil, err
}

// baseOf returns the head that a trail's first record follows.
func baseOf(dir, id string) (Head, error) {
	s, ok, err := readPredecessor(dir, id)
	switch {
	case errors.Is(err, errLineEnds):
		return Head{}, fmt.Errorf("read file %s: %w", predecessorFile, err)
	case err != nil:
		return Head{}, fmt.Errorf("%w: file %s: %w", ErrDamaged, predecessorFile, err)
	case !ok:
		return Head{Trail: id, Digest: noDigest}, nil
	}
	return s.head(), nil
}

// succeeded is what a trail goes on after, and who signed that it does.
type succeeded struct {
	head   Head
	people []string
}

// predecessor verifies what a trail says of the one before.
func (v *verifier) predecessor(dir, id string) (succeeded, *Failure) {
	s, ok, err := readPredecessor(dir, id)
	switch {
	case err != nil:
		return succeeded{}, &Failure{File: predecessorFile, Reason: err.Error(), Err: err}
	case !ok:
		return succeeded{head: Head{Trail: id, Digest: noDigest}}, nil
	}
	var armors []string
	for _, file := range predecessorFiles()[1:] {
		armor, err := readFile(filepath.Join(dir, file))
		if err != nil {
			return succeeded{}, &Failure{File: file, Reason: "the signature cannot be read: " + err.Error(), Err: err}
		}
		armors = append(armors, string(armor))
	}
	people, file, err := s.verify(v.Roster, armors[0], armors[1])
	if err != nil {
		return succeeded{}, &Failure{File: file, Reason: err.Error(), Err: err}
	}
	return succeeded{head: s.head(), people: people}, nil
}
