package record_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
)

func TestVerifyTrail(t *testing.T) {
	t.Parallel()
	trail := mustRecords(t, 3)

	t.Run("a trail", func(t *testing.T) {
		report, err := verify(t, trail.Dir())
		require.NoError(t, err)
		require.Len(t, report.Verified, 1)
		v := report.Verified[0]
		assert.Equal(t, trail.Head(), v.Head)
		assert.Equal(t, 3, v.Records)
		assert.Equal(t, 2, v.Countersigned)
		assert.Equal(t, 4, v.Approvals)
		assert.Equal(t, "rot-3", v.Last.Rotation.ID)
		assert.Empty(t, v.Notes)
		text := report.String()
		assert.Contains(t, text, "Contents, order and signers of records 1 to 3 are intact")
		assert.Contains(t, text, "An approver's signature in a later record names records 1 to 2:")
		assert.Contains(t, text, "Nothing here shows that no records were removed after record 3")
		assert.Contains(t, text, trail.Head().Line())
	})

	t.Run("one record", func(t *testing.T) {
		report, err := verify(t, filepath.Join(trail.Dir(), "000002-rot-2"))
		require.NoError(t, err)
		assert.True(t, report.Verified[0].Single)
		assert.Contains(t, report.String(), "The record alone does not show that it is part of a trail")
	})

	t.Run("several at a time", func(t *testing.T) {
		report, err := record.VerifyTrail(t.Context(), []string{trail.Dir(), filepath.Join(trail.Dir(), "000001-rot-1")}, options(t))
		require.NoError(t, err)
		assert.Len(t, report.Verified, 2)
	})

	t.Run("an empty trail", func(t *testing.T) {
		report, err := verify(t, mustTrail(t, t.TempDir()).Dir())
		require.NoError(t, err)
		assert.Contains(t, report.String(), "The trail has no records")
	})

	t.Run("a sandbox says so", func(t *testing.T) {
		report, err := verify(t, filepath.Join(trail.Dir(), "000001-rot-1"))
		require.NoError(t, err)
		assert.Contains(t, report.String(), "SANDBOX: drill rot-1")
		assert.Contains(t, report.String(), "There are no approvals, and no journal shows a change of production.")
		assert.Contains(t, report.String(), "The sandbox holds the keys of both people")
	})

	t.Run("notes what no signature covers", func(t *testing.T) {
		trail := mustRecords(t, 1)
		write(t, "x", trail.Dir(), "notes.txt")
		write(t, "x", trail.Dir(), "000001-rot-1", "record.json.sig.tsr")
		require.NoError(t, os.Remove(filepath.Join(trail.Dir(), "HEAD")))
		report, err := verify(t, trail.Dir())
		require.NoError(t, err)
		assert.Contains(t, report.String(), "  - HEAD is missing.\n")
		assert.Contains(t, report.String(), "  - notes.txt is no part of the trail, and no signature covers it.\n")
		assert.Contains(t, report.String(), "  - 000001-rot-1: record.json.sig.tsr is no part of the record")
	})

	t.Run("nothing there", func(t *testing.T) {
		_, err := verify(t, t.TempDir())
		require.ErrorContains(t, err, "neither a trail nor a record")
		_, err = verify(t, filepath.Join(t.TempDir(), "missing"))
		require.ErrorIs(t, err, os.ErrNotExist)
		_, err = record.VerifyTrail(t.Context(), nil, options(t))
		require.ErrorContains(t, err, "a path and a reader")
	})

	t.Run("once the context has ended", func(t *testing.T) {
		ctx, cancel := contextThatEnded(t)
		defer cancel()
		_, err := record.VerifyTrail(ctx, []string{trail.Dir()}, options(t))
		require.ErrorContains(t, err, "canceled")
	})
}

// One changed byte anywhere is refused, with the file named.
func TestEveryFlippedByteIsFound(t *testing.T) {
	t.Parallel()
	const samples = 120 // in each file
	trail := mustRecords(t, 2)
	random := rand.New(rand.NewPCG(1, 2))
	for _, path := range []string{
		"HEAD", "id",
		"000001-rot-1/record.json", "000001-rot-1/record.json.sig", "000001-rot-1/report.md", "000001-rot-1/journal.jsonl",
		"000002-rot-2/record.json", "000002-rot-2/record.json.sig", "000002-rot-2/report.md", "000002-rot-2/journal.jsonl",
	} {
		t.Run(path, func(t *testing.T) {
			whole := read(t, trail.Dir(), path)
			for range min(samples, len(whole)) {
				at, bit := random.IntN(len(whole)), random.IntN(8)
				flipped := []byte(whole)
				flipped[at] ^= 1 << bit
				write(t, string(flipped), trail.Dir(), path)
				failure := mustFail(t, trail.Dir())
				require.Equal(t, filepath.FromSlash(path), filepath.Join(failure.Record, failure.File), "byte %d, bit %d: %v", at, bit, failure)
				if folder, file := filepath.Split(path); folder != "" {
					alone := mustFail(t, filepath.Join(trail.Dir(), folder))
					require.Contains(t, alone.Error(), file, "byte %d, bit %d", at, bit)
				}
			}
			write(t, whole, trail.Dir(), path)
		})
	}
	_, err := verify(t, trail.Dir())
	require.NoError(t, err)
}

func TestMissingAndCutFilesAreFound(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"record.json", "record.json.sig", "report.md", "journal.jsonl"} {
		t.Run(file, func(t *testing.T) {
			trail := mustRecords(t, 2)
			path := []string{trail.Dir(), "000001-rot-1", file}
			whole := read(t, path...)
			for _, cut := range []string{"", whole[:len(whole)-1], whole + "\n", whole[:strings.LastIndex(whole[:len(whole)-1], "\n")+1]} {
				write(t, cut, path...)
				assert.Equal(t, file, mustFail(t, trail.Dir()).File)
			}
			require.NoError(t, os.Remove(filepath.Join(path...)))
			failure := mustFail(t, trail.Dir())
			assert.Equal(t, file, failure.File)
			assert.Equal(t, "the file is missing", failure.Reason)
		})
	}
}

// TestTampering has the attacks of somebody who can write the trail's folder.
func TestTampering(t *testing.T) {
	t.Parallel()
	const first, second, third = "000001-rot-1", "000002-rot-2", "000003-rot-3"
	rename := func(t *testing.T, trail *record.Trail, from, to string) {
		require.NoError(t, os.Rename(filepath.Join(trail.Dir(), from), filepath.Join(trail.Dir(), to)))
	}
	for name, tc := range map[string]struct {
		attack              func(*testing.T, *record.Trail)
		record, file, field string
		reason              string
	}{
		"outsider signs a changed record": {func(t *testing.T, trail *record.Trail) {
			resign(t, trail, second, mustKey(t, "mallory"), replacing(t, "scheduled rotation", "nothing to see"))
		}, second, "record.json.sig", "", "key is not in the roster"},
		"signer signs a changed middle record": {func(t *testing.T, trail *record.Trail) {
			resign(t, trail, second, mustKey(t, alice), replacing(t, `"tool": "keyturn test"`, `"tool": "other"`))
		}, second, "report.md", "", "not what the record and its journal say"},
		"signer signs what the journal does not say": {func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, alice), replacing(t, `"approvals_required": 1`, `"approvals_required": 0`))
			resign(t, trail, third, mustKey(t, alice), replacing(t, `"outcome": "completed"`, `"outcome": "abandoned"`))
		}, third, "report.md", "", ""},
		"signer loosens the policy of a middle record": {func(t *testing.T, trail *record.Trail) {
			resign(t, trail, second, mustKey(t, alice), replacing(t, `"approvals_required": 1`, `"approvals_required": 0`))
		}, third, "record.json", "trail.prev_sha256", "changed, removed or replaced"},
		"another member signs it instead": {func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, bob), func(text string) string { return text })
		}, third, "record.json", "signer.principal", "the key is of " + bob},
		"signature made for another purpose": {func(t *testing.T, trail *record.Trail) {
			armor, err := sshsig.Sign(mustKey(t, alice), sshsig.NamespaceHead, []byte(read(t, trail.Dir(), second, "record.json")))
			require.NoError(t, err)
			write(t, armor, trail.Dir(), second, "record.json.sig")
		}, second, "record.json.sig", "", "another purpose"},
		"member given twice": {func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, alice), replacing(t, `"outcome":`, `"outcome": "abandoned",`+"\n    "+`"outcome":`))
		}, third, "record.json", "", "not written as Keyturn writes it"},
		"member in capitals": {func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, alice), replacing(t, `"outcome":`, `"Outcome":`))
		}, third, "record.json", "", "not written as Keyturn writes it"},
		"member unknown": {func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, alice), replacing(t, `"outcome":`, `"extra": "x", "outcome":`))
		}, third, "record.json", "", "unknown field"},
		"white space moved": {func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, alice), replacing(t, "  \"tool\"", "    \"tool\""))
		}, third, "record.json", "", "not written as Keyturn writes it"},
		"something behind it": {func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, alice), func(text string) string { return text + "{}" })
		}, third, "record.json", "", "something follows it"},
		"another schema": {func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, alice), replacing(t, "keyturn.record/v1", "keyturn.record/v2"))
		}, third, "record.json", "schema", ""},
		"time without a zone": {func(t *testing.T, trail *record.Trail) {
			resign(t, trail, third, mustKey(t, alice), replacing(t, `Z",`+"\n"+`  "tool"`, `",`+"\n"+`  "tool"`))
		}, third, "record.json", "created_at", "is no time like"},
		"first record removed": {func(t *testing.T, trail *record.Trail) {
			require.NoError(t, os.RemoveAll(filepath.Join(trail.Dir(), first)))
		}, "", "", "", "want record 1 and found"},
		"records renumbered": {func(t *testing.T, trail *record.Trail) {
			require.NoError(t, os.RemoveAll(filepath.Join(trail.Dir(), first)))
			rename(t, trail, second, "000001-rot-2")
			rename(t, trail, third, "000002-rot-3")
		}, "000001-rot-2", "record.json", "trail.seq", "stands at place 1"},
		"records swapped": {func(t *testing.T, trail *record.Trail) {
			rename(t, trail, second, "000009-x")
			rename(t, trail, third, "000002-rot-3")
			rename(t, trail, "000009-x", "000003-rot-2")
		}, "000002-rot-3", "record.json", "trail.seq", ""},
		"folder given another name": {func(t *testing.T, trail *record.Trail) {
			rename(t, trail, second, "000002-other")
		}, "000002-other", "record.json", "rotation.id", "belongs in folder " + second},
		"newest record removed": {func(t *testing.T, trail *record.Trail) {
			require.NoError(t, os.RemoveAll(filepath.Join(trail.Dir(), third)))
		}, "", "HEAD", "", "records were removed"},
		"HEAD set back too far": {func(t *testing.T, trail *record.Trail) {
			writeHead(t, trail, 1, digest(read(t, trail.Dir(), first, "record.json")))
		}, "", "HEAD", "", "names record 1, and the last one is 3"},
		"HEAD with another digest": {func(t *testing.T, trail *record.Trail) {
			writeHead(t, trail, 3, digest("x"))
		}, "", "HEAD", "", "does not hold the digest of record 3"},
		"HEAD with blanks": {func(t *testing.T, trail *record.Trail) {
			write(t, read(t, trail.Dir(), "HEAD")+"\n", trail.Dir(), "HEAD")
		}, "", "HEAD", "", "no head line"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trail := mustRecords(t, 3)
			tc.attack(t, trail)
			failure := mustFail(t, trail.Dir())
			assert.Equal(t, tc.record, failure.Record, failure)
			if tc.file != "" {
				assert.Equal(t, tc.file, failure.File, failure)
			}
			assert.Equal(t, tc.field, failure.Field, failure)
			assert.Contains(t, failure.Reason, tc.reason)
		})
	}
}

// What no signature can show is shown by a head that was kept outside.
func TestOnlyAWitnessShowsIt(t *testing.T) {
	t.Parallel()
	for name, attack := range map[string]func(*testing.T, *record.Trail) string{
		"newest record removed, HEAD rewritten": func(t *testing.T, trail *record.Trail) string {
			require.NoError(t, os.RemoveAll(filepath.Join(trail.Dir(), "000003-rot-3")))
			writeHead(t, trail, 2, digest(read(t, trail.Dir(), "000002-rot-2", "record.json")))
			return trail.Dir()
		},
		"newest record signed anew": func(t *testing.T, trail *record.Trail) string {
			resign(t, trail, "000003-rot-3", mustKey(t, alice), replacing(t, `"approvals_required": 1`, `"approvals_required": 2`))
			return trail.Dir()
		},
		"all of it written anew by signer and approver": func(t *testing.T, trail *record.Trail) string {
			dir := t.TempDir()
			write(t, trail.ID()+"\n", dir, "id")
			forged := mustTrail(t, dir)
			for i := range 3 {
				s := newScript(t, forged, "quarterly", fmt.Sprintf("rot-%d", i+1))
				s.skip["notify"] = true
				s.run().export()
			}
			return dir
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trail := mustRecords(t, 3)
			head := trail.Head()
			dir := attack(t, trail)
			_, err := verify(t, dir)
			require.NoError(t, err, "the trail alone looks whole")
			o := options(t)
			o.Witnesses = []record.Head{head}
			_, err = record.VerifyTrail(t.Context(), []string{dir}, o)
			var failure *record.Failure
			require.ErrorAs(t, err, &failure)
			assert.Contains(t, failure.Reason, "seen outside")
		})
	}

	t.Run("nothing changed", func(t *testing.T) {
		trail := mustRecords(t, 2)
		o := options(t)
		o.Witnesses = []record.Head{trail.Head(), {Trail: "another", Seq: 9}}
		report, err := record.VerifyTrail(t.Context(), []string{trail.Dir()}, o)
		require.NoError(t, err)
		assert.Equal(t, 2, report.Verified[0].Witnessed)
		assert.Contains(t, report.String(), "Nothing of records 1 to 2 can have changed or gone since its head was seen outside")
		assert.Contains(t, report.String(), "is of trail another: it says nothing about this one")
	})
}

// An approver's signature names the trail's head, so that old approvals do not
// fit rewritten history.
func TestRewrittenHistoryDoesNotFitOldApprovals(t *testing.T) {
	t.Parallel()
	trail := mustTrail(t, t.TempDir())
	one := newScript(t, trail, "quarterly", "rot-1").run()
	one.export()
	two := newScript(t, trail, "quarterly", "rot-2").run()
	two.export()

	dir := t.TempDir()
	write(t, trail.ID()+"\n", dir, "id")
	forged := mustTrail(t, dir)
	one.trail, two.trail = forged, forged
	draft := one.draft()
	draft.Tool = "another"
	_, err := forged.Append(t.Context(), draft, mustKey(t, alice))
	require.NoError(t, err)
	two.export()
	failure := mustFail(t, dir)
	assert.Equal(t, "000002-rot-2", failure.Record)
	assert.Equal(t, "journal", failure.Field)
	assert.Contains(t, failure.Reason, "not this trail's")
}

// TestApprovals has the attacks of an operator who signs the record as it
// should be signed, but without the consent that it claims.
func TestApprovals(t *testing.T) {
	t.Parallel()
	const where = "approvals[0]"
	for name, tc := range map[string]struct {
		prepare       func(*script)
		field, reason string
	}{
		"self approval": {func(s *script) { s.approver = alice }, where + ".principal", "approved their own request"},
		"self approval under another's name": {func(s *script) { s.signer = mustKey(s.t, alice) },
			where + ".principal", `it says "bob@example.com", and the key is of alice@example.com`},
		"by the requester, who is not the signer": {func(s *script) {
			s.request = func(r *approval.Request) { r.Requester, r.RequesterKey = bob, mustKey(s.t, bob).Fingerprint() }
		}, where + ".principal", "approved their own request"},
		"by the requester's key under another name": {func(s *script) {
			s.request = func(r *approval.Request) { r.RequesterKey = mustKey(s.t, bob).Fingerprint() }
		}, where + ".principal", "approved their own request"},
		"by a stranger": {func(s *script) { s.signer = mustKey(s.t, "mallory") }, where + ".signature", "not in the roster"},
		"by a key that was valid no more": {func(s *script) { s.approver = "carol@example.com"; s.now = day0.Add(2 * time.Hour) },
			where + ".accepted_at", "valid until"},
		"after the request's window": {func(s *script) {
			s.acceptedAt = func(at time.Time) time.Time { return at.Add(2*time.Hour + time.Second) }
			s.now = day0
		}, where + ".accepted_at", "outside the request's window"},
		"before it was asked for": {func(s *script) {
			s.acceptedAt = func(at time.Time) time.Time { return at.Add(-time.Second) }
		}, where + ".accepted_at", "outside the request's window"},
		"for another environment": {func(s *script) {
			s.request = func(r *approval.Request) { r.Environment = "staging" }
		}, where + ".request Old-Key-Fp", ""},
		"for an environment that is none": {func(s *script) {
			s.request = func(r *approval.Request) { r.Environment = "sandbox" }
		}, where + ".request Environment", "did not touch"},
		"for another rotation": {func(s *script) {
			s.request = func(r *approval.Request) { r.Rotation = "rot-9" }
		}, where + ".request Rotation", `it is "rot-9"`},
		"for another trail": {func(s *script) {
			s.request = func(r *approval.Request) { r.Trail = "00000000-0000-4000-8000-000000000000" }
		}, where + ".request Trail", ""},
		"for a target less": {func(s *script) {
			s.request = func(r *approval.Request) { r.Targets = r.Targets[:1] }
		}, where + ".request Target-Sum", ""},
		"for another key": {func(s *script) {
			s.request = func(r *approval.Request) { r.NewKey = "v3" }
		}, where + ".request New-Key", `it is "v3", and the record says "v2"`},
		"for another secret under the same id": {func(s *script) {
			s.request = func(r *approval.Request) { r.NewFp = r.OldFp }
		}, where + ".request New-Key-Fp", ""},
		"for another plan": {func(s *script) {
			s.request = func(r *approval.Request) { r.Plan = digest("another plan") }
		}, where + ".plan_sha256", `not what "approve-production" was about to do`},
		"at another point of the journal": {func(s *script) {
			s.request = func(r *approval.Request) { r.Journal = digest("another line") }
		}, where + ".request Journal", "not this journal's"},
		"at a point of the journal that came later": {func(s *script) {
			s.request = func(r *approval.Request) { r.Events += 100 }
		}, where + ".request Journal", "not this journal's"},
		"asked for by somebody else": {func(s *script) {
			s.request = func(r *approval.Request) { r.Requester = "dave@example.com" }
		}, where + ".request Requester", "alice@example.com asked"},
		"naming a head that never was": {func(s *script) {
			s.request = func(r *approval.Request) { r.Records, r.Head = 1, digest("another record") }
		}, where + ".request", "not this trail's"},
		"naming a head that is yet to come": {func(s *script) {
			s.request = func(r *approval.Request) { r.Records = 7 }
		}, where + ".request", "not this trail's"},
		"with a line smuggled in": {func(s *script) {
			s.requestRaw = func(text string) string {
				return strings.Replace(text, "Reason: ", "Environment: staging\nReason: ", 1)
			}
		}, where + ".request", "malformed"},
		"with a letter that looks alike": {func(s *script) {
			s.requestRaw = func(text string) string { return strings.Replace(text, "production", "prоduction", 1) }
		}, where + ".request", "malformed"},
		"signed text is not a request": {func(s *script) {
			s.requestRaw = func(string) string { return "Rotation: rot-2\n" }
		}, where + ".request", "malformed"},
		"missing altogether": {func(s *script) {
			s.skip["approve-production"], s.skip["approve-removal"] = true, true
		}, "approvals", "with the consent of 0 second persons, want 1"},
		"missing for the removal": {func(s *script) { s.skip["approve-removal"] = true },
			"approvals", "without a second person"},
		"given after the change": {func(s *script) { s.skip["approve-production"] = true },
			"approvals", "before anybody approved"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trail := mustRecords(t, 1)
			s := newScript(t, trail, "quarterly", "rot-2")
			tc.prepare(s)
			draft := s.run().draft()
			draft.CreatedAt = day0.AddDate(1, 0, 0)
			_, err := trail.Append(t.Context(), draft, mustKey(t, alice))
			require.NoError(t, err)
			failure := mustFail(t, trail.Dir())
			assert.Equal(t, "000002-rot-2", failure.Record)
			assert.Equal(t, "record.json", failure.File)
			assert.Equal(t, tc.field, failure.Field, failure)
			assert.Contains(t, failure.Reason, tc.reason)
		})
	}

	t.Run("used again", func(t *testing.T) {
		t.Parallel()
		trail := mustTrail(t, t.TempDir())
		s := newScript(t, trail, "quarterly", "rot-1")
		s.twice = true
		s.run().export()
		failure := mustFail(t, trail.Dir())
		assert.Equal(t, "approvals[1].request", failure.Field)
		assert.Contains(t, failure.Reason, "was used in record 000001-rot-1 already")
	})

	t.Run("of another rotation, used again", func(t *testing.T) {
		t.Parallel()
		trail := mustTrail(t, t.TempDir())
		first := newScript(t, trail, "quarterly", "rot-1").run()
		first.export()
		second := newScript(t, trail, "quarterly", "rot-2")
		second.now = first.now.Add(-time.Hour)
		used := first.fold().Approvals["approve-production"]
		second.requestRaw = func(string) string { return used.Request }
		second.acceptedAt = func(time.Time) time.Time { return used.At }
		draft := second.run().draft()
		draft.CreatedAt = day0.AddDate(1, 0, 0)
		_, err := trail.Append(t.Context(), draft, mustKey(t, alice))
		require.NoError(t, err)
		assert.Equal(t, "approvals[0].request Rotation", mustFail(t, trail.Dir()).Field)
	})

	t.Run("the auditor asks for two people", func(t *testing.T) {
		t.Parallel()
		trail := mustRecords(t, 2)
		o := options(t)
		o.ApprovalsRequired = 2
		_, err := record.VerifyTrail(t.Context(), []string{trail.Dir()}, o)
		require.ErrorContains(t, err, "with the consent of 1 second persons, want 2")
	})
}

func TestDeviationInProductionNeedsASecondPerson(t *testing.T) {
	t.Parallel()
	for _, asked := range []bool{true, false} {
		trail := mustTrail(t, t.TempDir())
		s := newScript(t, trail, "quarterly", "rot-1")
		e := checklist.Event{Kind: checklist.Overridden, Item: "remove-old", Gate: "soak:verify-production", Text: "the window closes <b>now</b>"}
		if asked {
			item, _, _ := s.list.Item("remove-old")
			e.Approval = s.approve(item)
		}
		s.add(e)
		s.run().export()
		_, err := verify(t, trail.Dir())
		if !asked {
			require.ErrorContains(t, err, "event 2 deviates in production without a second person")
			continue
		}
		require.NoError(t, err)
		last, _, err := trail.Last()
		require.NoError(t, err)
		require.Len(t, last.Deviations, 1)
		assert.Equal(t, bob, last.Deviations[0].ApprovedBy)
		assert.Contains(t, last.Summary(), "with 1 deviation")
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	trail := mustTrail(t, t.TempDir())
	s := newScript(t, trail, "quarterly", "rot-1")
	s.add(checklist.Event{Kind: checklist.PassedOver, Item: "notify", Text: "nobody | is\n# here <img src=x> \u202etxt `x` ```"})
	s.skip["notify"] = true
	exported := s.run().export()
	text := read(t, exported.Dir, "report.md")

	deviations, summary := strings.Index(text, "## Deviations"), strings.Index(text, "## Who, when, why")
	assert.Positive(t, deviations)
	assert.Less(t, deviations, summary, "deviations come first")
	assert.Contains(t, text, `nobody \| is \# here &lt;img src=x&gt; (U+202E)txt \`+"`x\\` \\`\\`\\`")
	assert.NotContains(t, text, "\u202e")
	assert.NotContains(t, text, "<script>")
	for _, want := range []string{
		"# Quarterly rotation rot-1\n", digest("productionnew"), "bob@example.com approved approve-production at ", "```text\nkeyturn approval request v1\n",
		"| tampered body \\| &lt;script&gt; | 401 | refused |", "```text\ncurl -i -X POST", "- one client was late\n", "dpl\\_production",
		"It cannot show changes made\naround it", "ssh-keygen -Y verify -f allowed_signers -I alice@example.com -n keyturn-record",
	} {
		assert.Contains(t, text, want)
	}
	drill := newScript(t, trail, "drill", "drill-2").run().export()
	assert.Contains(t, read(t, drill.Dir, "report.md"), "> **SANDBOX.**")
	_, err := verify(t, trail.Dir())
	require.NoError(t, err)
}

func TestFailureNamesThePlace(t *testing.T) {
	t.Parallel()
	failure := &record.Failure{Record: "000001-x", File: "record.json", Field: "created_at", Reason: "it is late"}
	assert.Equal(t, filepath.Join("000001-x", "record.json")+" (created_at): it is late", failure.Error())
	assert.Equal(t, "HEAD: it is old", (&record.Failure{File: "HEAD", Reason: "it is old"}).Error())
}

func BenchmarkVerify(b *testing.B) {
	const records = 1000
	trail := mustTrail(b, b.TempDir())
	for i := range records {
		kind := "quarterly"
		if i%2 == 0 {
			kind = "drill"
		}
		s := newScript(b, trail, kind, fmt.Sprintf("rot-%d", i+1))
		s.now = day0.Add(time.Duration(i) * time.Hour)
		s.run().export()
	}
	o := options(b)
	b.ResetTimer()
	for range b.N {
		report, err := record.VerifyTrail(b.Context(), []string{trail.Dir()}, o)
		require.NoError(b, err)
		require.Equal(b, records, report.Verified[0].Records)
	}
	b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func FuzzVerifyRecord(f *testing.F) {
	trailDir := f.TempDir()
	write(f, "7b9c7a4e-6f55-4b0e-9d3a-1f2e3d4c5b6a\n", trailDir, "id") // each worker makes the same record
	trail := mustTrail(f, trailDir)
	exported := newScript(f, trail, "drill", "rot-1").run().export()
	whole := read(f, exported.Dir, "record.json")
	f.Add(whole, read(f, exported.Dir, "record.json.sig"), read(f, exported.Dir, "journal.jsonl"), read(f, exported.Dir, "report.md"))
	f.Add("{}", "", "", "")
	dir := filepath.Join(f.TempDir(), "000001-rot-1")
	require.NoError(f, os.Mkdir(dir, 0o700))
	o := options(f)
	f.Fuzz(func(t *testing.T, text, armor, journal, report string) {
		for name, content := range map[string]string{"record.json": text, "record.json.sig": armor, "journal.jsonl": journal, "report.md": report} {
			write(t, content, dir, name)
		}
		_, err := record.VerifyTrail(t.Context(), []string{dir}, o)
		if err == nil && text != whole {
			t.Fatalf("accepted %q", text)
		}
	})
}

func FuzzAppend(f *testing.F) {
	trail := mustTrail(f, f.TempDir())
	f.Add(newScript(f, trail, "drill", "rot-1").run().journal.Bytes())
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"seq":1,"prev":"` + strings.Repeat("0", 64) + `","at":"2026-01-05T09:00:00Z","by":"x","kind":"opened","opening":{"session":"../x"}}` + "\n"))
	key := mustKey(f, alice)
	f.Fuzz(func(t *testing.T, journal []byte) {
		trail := mustTrail(t, t.TempDir())
		draft := record.Draft{Journal: bytes.Clone(journal), Signer: alice, CreatedAt: day0.AddDate(10, 0, 0), Tool: "test"}
		_, err := trail.Append(t.Context(), draft, key)
		if err == nil {
			return
		}
		if again := mustTrail(t, trail.Dir()); again.Head() != trail.Head() || trail.Head().Seq != 0 {
			t.Fatalf("refused with %v, but left %v", err, again.Head())
		}
	})
}
