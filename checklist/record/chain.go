package record

import (
	"fmt"
	"path/filepath"
)

// links is the chain of a trail's records as far as it was followed: what no
// record shows by itself.
type links struct {
	id        string
	base      Head // that the first record follows: of no record, or of a trail before
	head      Head // the last record
	createdAt string
	digests   []string            // of the records after base
	sessions  map[string]rotated  // by the session's id
	requests  map[string]string   // ids of approval requests, and the record that used them
	rollbacks map[string][]string // sessions whose record did not come yet: the records that roll them back
	beyond    []sighting          // of records before base
	secrets   map[string]secret   // by environment and key id
	found     []Finding
}

// secret is what a record says of a key in an environment.
type secret struct{ record, fingerprint string }

// rotated is a session that has a record.
type rotated struct {
	record   string
	old, new string
}

// sighting is a point at which somebody saw the trail: an approver, or the
// opening of a session.
type sighting struct {
	record, file, field string // where it is said
	records             int    // how many records the trail had
	head                string // digest of the last of them
}

func newLinks(id string, base Head) *links {
	return &links{
		id: id, base: base, head: Head{Trail: id, Seq: base.Seq, Digest: base.Digest},
		sessions: map[string]rotated{}, requests: map[string]string{}, rollbacks: map[string][]string{}, secrets: map[string]secret{},
	}
}

// add checks that a record follows, and takes it in.
func (l *links) add(c checked) *Failure {
	fail := func(field, reason string, args ...any) *Failure {
		return &Failure{Record: c.name, File: recordFile, Field: field, Reason: fmt.Sprintf(reason, args...)}
	}
	r := c.record
	switch {
	case r.Trail.ID != l.id && len(l.digests) == 0:
		return &Failure{File: idFile, Reason: fmt.Sprintf("it says %s, and record %d is signed for trail %s", l.id, l.head.Seq+1, r.Trail.ID)}
	case r.Trail.ID != l.id:
		return fail("trail.id", "it is %s, and file %s says %s", r.Trail.ID, idFile, l.id)
	case r.Trail.Seq != l.head.Seq+1:
		return fail("trail.seq", "it is %d, and the record stands at place %d", r.Trail.Seq, l.head.Seq+1)
	case r.Trail.PrevSHA256 != l.head.Digest:
		return fail("trail.prev_sha256", "it is not the digest of the record before it, which was changed, removed or replaced")
	case r.Name() != c.name:
		return fail("rotation.id", "the record belongs in folder %s", r.Name())
	case r.CreatedAt < l.createdAt:
		return fail("created_at", "it is %s, before the record before it, %s", r.CreatedAt, l.createdAt)
	case l.sessions[r.Rotation.ID].record != "":
		return fail("rotation.id", "record %s is about the same session", l.sessions[r.Rotation.ID].record)
	}
	for _, s := range c.sightings {
		if f := l.saw(s); f != nil {
			return f
		}
	}
	for _, u := range c.used {
		if first := l.requests[u.id]; first != "" {
			return &Failure{Record: c.name, File: u.file, Field: u.field, Reason: fmt.Sprintf("request %s was used in record %s already", u.id, first)}
		}
	}
	if f := l.rollback(c); f != nil {
		return f
	}
	l.compareSecrets(c)
	l.push(c)
	return nil
}

// push takes a record in without checking it.
func (l *links) push(c checked) {
	l.digests = append(l.digests, c.digest)
	l.head.Seq, l.head.Digest = l.head.Seq+1, c.digest
	l.createdAt = c.record.CreatedAt
	l.sessions[c.record.Rotation.ID] = rotatedBy(c)
	for _, u := range c.used {
		l.requests[u.id] = c.name
	}
	for _, k := range c.record.Keys {
		for id, fingerprint := range map[string]string{k.OldID: k.OldFp, k.NewID: k.NewFp} {
			if fingerprint != "" {
				l.secrets[k.Environment+"/"+id] = secret{c.name, fingerprint}
			}
		}
	}
}

// compareSecrets looks whether a rollback put another secret back than the trail
// knows under that key id: nobody else agreed to it.
func (l *links) compareSecrets(c checked) {
	if c.record.Rotation.Kind != kindRollback {
		return
	}
	for _, k := range c.record.Keys {
		if known, ok := l.secrets[k.Environment+"/"+k.OldID]; ok && k.OldFp != "" && known.fingerprint != k.OldFp {
			l.found = append(l.found, Finding{ClassSecret, c.name, fmt.Sprintf(
				"it put %s back in %s with another secret than record %s knows, and nobody else agreed to that", k.OldID, k.Environment, known.record)})
		}
	}
}

func rotatedBy(c checked) rotated {
	r := rotated{record: c.name}
	if len(c.record.Keys) > 0 {
		r.old, r.new = c.record.Keys[0].OldID, c.record.Keys[0].NewID
	}
	return r
}

// saw checks what somebody said of the trail. What they saw before base is left
// to whoever has the trail before.
func (l *links) saw(s sighting) *Failure {
	if s.records < l.base.Seq {
		l.beyond = append(l.beyond, s)
		return nil
	}
	if s.records > l.head.Seq || l.at(s.records) != s.head {
		return s.failure()
	}
	return nil
}

func (s sighting) failure() *Failure {
	return &Failure{Record: s.record, File: s.file, Field: s.field,
		Reason: fmt.Sprintf("it was made when the trail had %d records and the head %.16s…, which is not this trail's", s.records, s.head)}
}

// at returns the digest of a record, or of base.
func (l *links) at(seq int) string {
	if seq == l.base.Seq {
		return l.base.Digest
	}
	return l.digests[seq-l.base.Seq-1]
}

// rollback checks that a rollback puts back and gives up the keys of the session
// that it is about, where that has a record: it may come before or after.
func (l *links) rollback(c checked) *Failure {
	parent := c.record.Rotation.Parent
	if parent == "" {
		return l.rolledBack(c.record.Rotation.ID, rotatedBy(c))
	}
	if p := l.sessions[parent]; p.record != "" {
		return compareKeys(rotatedBy(c), p, parent)
	}
	l.rollbacks[parent] = append(l.rollbacks[parent], c.record.Rotation.ID)
	return nil
}

func (l *links) rolledBack(session string, keys rotated) *Failure {
	for _, by := range l.rollbacks[session] {
		if f := compareKeys(l.sessions[by], keys, session); f != nil {
			return f
		}
	}
	delete(l.rollbacks, session)
	return nil
}

func compareKeys(rollback, parent rotated, session string) *Failure {
	if rollback.old == parent.old && rollback.new == parent.new {
		return nil
	}
	return &Failure{Record: rollback.record, File: recordFile, Field: "keys", Reason: fmt.Sprintf(
		"it puts %q back and may give up %q, and %s, which it is about, replaced %q by %q", rollback.old, rollback.new, session, parent.old, parent.new)}
}

// checkHead compares HEAD with the last record.
func (l *links) checkHead(stated Head, one *Verified) error {
	fail := func(reason string, args ...any) error {
		return &Failure{File: headFile, Reason: fmt.Sprintf(reason, args...)}
	}
	switch {
	case stated == Head{}:
		return nil // missing, and found so
	case stated.Trail != l.id:
		return fail("it is of trail %s, and file %s says %s", stated.Trail, idFile, l.id)
	case stated.Seq > l.head.Seq:
		return fail("it names record %d, and the last one is %d: records were removed", stated.Seq, l.head.Seq)
	case stated.Seq < l.base.Seq, stated.Seq < l.head.Seq-1:
		return fail("it names record %d, and the last one is %d", stated.Seq, l.head.Seq)
	case stated.Digest != l.at(stated.Seq):
		return fail("it does not hold the digest of record %d", stated.Seq)
	case stated.Seq < l.head.Seq:
		one.notChecked(ClassHead, "", "HEAD names record %d, so whether record %d is the last was not compared: Keyturn brings it up to date when it opens the trail", stated.Seq, l.head.Seq)
	}
	return nil
}

// seen is a trail that was verified by itself.
type seen struct {
	path  string
	chain *links
}

// covers reports whether the trail can say something about a record.
func (s *seen) covers(id string, seq int) bool {
	return s.chain.id == id && seq >= s.chain.base.Seq && seq <= s.chain.head.Seq
}

// joins compares a trail that goes on after another one with that other, where
// it is among those that were given.
func (s *seen) joins(lineage []*seen, one *Verified) *Failure {
	if s.chain.base.Seq == 0 {
		return nil
	}
	joined := false
	for _, other := range lineage {
		if other == nil || other == s || other.chain.id != s.chain.id || other.chain.base.Seq >= s.chain.base.Seq {
			continue
		}
		if f := s.follows(other); f != nil {
			return f
		}
		joined = joined || other.chain.head.Seq == s.chain.base.Seq
	}
	if !joined {
		one.notChecked(ClassPredecessor, "", "the trail that ended with record %d was not given, so its records were not checked", s.chain.base.Seq)
	}
	for _, b := range s.chain.beyond {
		found := false
		for _, other := range lineage {
			if other == nil || !other.covers(s.chain.id, b.records) {
				continue
			}
			if found = true; other.chain.at(b.records) != b.head {
				return b.failure()
			}
		}
		if !found && joined {
			one.notChecked(ClassPredecessor, b.record, "it names record %d of a trail that was not given", b.records)
		}
	}
	return nil
}

// follows checks that the trail goes on after an older one, and repeats nothing
// of it.
func (s *seen) follows(older *seen) *Failure {
	o, n := older.chain, s.chain
	if o.head.Seq > n.base.Seq || o.head.Seq == n.base.Seq && o.head.Digest != n.base.Digest {
		return &Failure{File: predecessorFile, Reason: fmt.Sprintf(
			"it names record %d with the digest %.16s… as the last of the trail before, and %s ends with %s", n.base.Seq, n.base.Digest, filepath.Base(older.path), o.head.Line())}
	}
	for id, r := range n.sessions {
		if first := o.sessions[id].record; first != "" {
			return &Failure{Record: r.record, File: recordFile, Field: "rotation.id", Reason: fmt.Sprintf("record %s is about the same session", first)}
		}
	}
	for id, name := range n.requests {
		if first := o.requests[id]; first != "" {
			return &Failure{Record: name, File: recordFile, Field: "approvals", Reason: fmt.Sprintf("request %s was used in record %s already", id, first)}
		}
	}
	for _, byOlder := range []struct{ rollbacks, sessions *links }{{n, o}, {o, n}} {
		for session, all := range byOlder.rollbacks.rollbacks {
			for _, by := range all {
				if p := byOlder.sessions.sessions[session]; p.record != "" {
					if f := compareKeys(byOlder.rollbacks.sessions[by], p, session); f != nil {
						return f
					}
				}
			}
		}
	}
	return nil
}
