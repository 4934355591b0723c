package requestlog

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"keyturn/keygen"
)

// maxHours bounds a series, so that one row with a senseless time cannot fill
// the memory: a year, while a rotation looks at nine days.
const maxHours = 24 * 366

// Distribution is how the requests spread over the keys.
type Distribution struct {
	Total, Accepted, Refused int
	Keys                     []KeyUsage // most used first; NoKeyID always before all
	Start                    time.Time  // of the first hour of every series; zero if there are no rows
	Hours                    int        // the length of every series
}

// KeyUsage is the part of one key id.
type KeyUsage struct {
	KeyID                    string // lower case, or NoKeyID
	Total, Accepted, Refused int
	Share                    float64 // of all requests, 0 to 1
	AcceptedShare            float64 // of the accepted requests, 0 to 1
	Series                   []int   // requests in each hour, for a chart
	LastSeen                 time.Time
}

// Loud reports whether the key is one to be asked about: requests without key
// id are of an unknown signer.
func (k KeyUsage) Loud() bool { return k.KeyID == NoKeyID }

// Of returns the part of one key; zero if it was not used.
func (d Distribution) Of(id keygen.KeyID) KeyUsage {
	for _, k := range d.Keys {
		if k.KeyID == string(id) {
			return k
		}
	}
	return KeyUsage{KeyID: string(id), Series: make([]int, d.Hours)}
}

// WithoutKeyID returns the part of the requests that named no key.
func (d Distribution) WithoutKeyID() KeyUsage { return d.Of(NoKeyID) }

// Usage counts the requests for each key id. A request is refused if its status
// is 401 or 403 and accepted otherwise: what came after the signature is no
// matter here.
func Usage(log Log) Distribution {
	start, hours := span(log.Rows)
	d := Distribution{Start: start, Hours: hours}
	byKey := map[string]*KeyUsage{}
	for _, r := range log.Rows {
		key := r.Key()
		k := byKey[key]
		if k == nil {
			k = &KeyUsage{KeyID: key, Series: make([]int, hours)}
			byKey[key] = k
		}
		k.add(r, start)
		d.Total += r.Count
		if r.Refused() {
			d.Refused += r.Count
		} else {
			d.Accepted += r.Count
		}
	}
	for _, k := range byKey {
		k.Share, k.AcceptedShare = ratio(k.Total, d.Total), ratio(k.Accepted, d.Accepted)
		d.Keys = append(d.Keys, *k)
	}
	slices.SortFunc(d.Keys, func(a, b KeyUsage) int {
		return cmp.Or(-compareBool(a.Loud(), b.Loud()), cmp.Compare(b.Total, a.Total), strings.Compare(a.KeyID, b.KeyID))
	})
	return d
}

func (k *KeyUsage) add(r Row, start time.Time) {
	k.Total += r.Count
	if r.Refused() {
		k.Refused += r.Count
	} else {
		k.Accepted += r.Count
	}
	if hour := hourIn(r.Bucket, start); hour >= 0 && hour < len(k.Series) {
		k.Series[hour] += r.Count
	}
	if r.Count > 0 && r.Bucket.After(k.LastSeen) {
		k.LastSeen = r.Bucket
	}
}

// Straggler is a sender that still uses a key that should be out of use.
type Straggler struct {
	Sender                   string // "(unnamed sender)" where the log has none
	Projects                 []string
	Total, Accepted, Refused int
	LastSeen                 time.Time // start of the last hour with a request
}

// unnamedSender stands for the senders that the log does not name.
const unnamedSender = "(unnamed sender)"

// Stragglers returns who used the key, the one seen last first.
func Stragglers(log Log, old keygen.KeyID) []Straggler {
	bySender := map[string]*Straggler{}
	for _, r := range log.Rows {
		if r.Key() != string(old) || r.Count <= 0 {
			continue
		}
		sender := cmp.Or(strings.TrimSpace(r.Sender), unnamedSender)
		s := bySender[sender]
		if s == nil {
			s = &Straggler{Sender: sender}
			bySender[sender] = s
		}
		s.Total += r.Count
		if r.Refused() {
			s.Refused += r.Count
		} else {
			s.Accepted += r.Count
		}
		if r.Bucket.After(s.LastSeen) {
			s.LastSeen = r.Bucket
		}
		if r.Project != "" && !slices.Contains(s.Projects, r.Project) {
			s.Projects = append(s.Projects, r.Project)
		}
	}
	stragglers := make([]Straggler, 0, len(bySender))
	for _, s := range bySender {
		slices.Sort(s.Projects)
		stragglers = append(stragglers, *s)
	}
	slices.SortFunc(stragglers, func(a, b Straggler) int {
		return cmp.Or(b.LastSeen.Compare(a.LastSeen), cmp.Compare(b.Total, a.Total), strings.Compare(a.Sender, b.Sender))
	})
	return stragglers
}

// span returns the first hour of the rows and the number of hours to the last,
// of the newest maxHours.
func span(rows []Row) (time.Time, int) {
	if len(rows) == 0 {
		return time.Time{}, 0
	}
	first, last := rows[0].Bucket, rows[0].Bucket
	for _, r := range rows {
		if r.Bucket.Before(first) {
			first = r.Bucket
		}
		if r.Bucket.After(last) {
			last = r.Bucket
		}
	}
	last = last.UTC().Truncate(time.Hour)
	if oldest := last.Add(-(maxHours - 1) * time.Hour); first.Before(oldest) {
		first = oldest
	}
	first = first.UTC().Truncate(time.Hour)
	return first, hourIn(last, first) + 1
}

// hourIn returns the index of t's hour in a series that begins at start,
// negative if t is before it.
func hourIn(t, start time.Time) int {
	return int(t.UTC().Truncate(time.Hour).Sub(start) / time.Hour)
}

func ratio(part, whole int) float64 {
	if whole <= 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
