package program_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist/record"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
)

const (
	smallFile = 400 // bytes; every one of it is flipped
	flips     = 80  // in a larger file
)

// TestByteFlip changes one byte of a real trail at a time: no file of it may
// differ in anything.
func TestByteFlip(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"quarterly", "drill", "emergency"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			p := open(t, program.Options{})
			rehearse(t, p, id, &programtest.Operator{})
			roster := p.RosterPath()
			_, _, err := program.Verify(t.Context(), []string{trailDir(p)}, roster)
			require.NoError(t, err)
			name := onlyRecord(t, p)
			files := 0
			require.NoError(t, fs.WalkDir(os.DirFS(trailDir(p)), ".", func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() || d.Name() == ".lock" {
					return err
				}
				files++
				t.Run(path, func(t *testing.T) {
					t.Parallel()
					trail := filepath.Join(t.TempDir(), "trail")
					require.NoError(t, os.CopyFS(trail, os.DirFS(trailDir(p))))
					paths := []string{trail}
					if filepath.Dir(path) == name { // a record alone is refused as well
						paths = append(paths, filepath.Join(trail, name))
					}
					flipBytes(t, filepath.Join(trail, path), paths, roster)
				})
				return nil
			}))
			want := 6 // record, signature, report, journal, head and id
			if id == "emergency" {
				want += 2 // the approval that came afterwards, and its signature
			}
			assert.Equal(t, want, files)
		})
	}
}

// flipBytes changes bytes of a file, one at a time, and verifies each of paths.
func flipBytes(t *testing.T, file string, paths []string, roster string) {
	t.Helper()
	good, err := os.ReadFile(file)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(1, uint64(len(good))))
	for _, at := range positions(random, len(good)) {
		changed := append([]byte(nil), good...)
		changed[at] ^= 1 << random.IntN(8)
		require.NoError(t, os.WriteFile(file, changed, 0o600))
		for _, path := range paths {
			_, _, err := program.Verify(t.Context(), []string{path}, roster)
			require.Error(t, err, "%s: byte %d is %q in place of %q", path, at, changed[at], good[at])
			var failure *record.Failure
			require.True(t, errors.As(err, &failure), "byte %d: %v", at, err)
			// Whether a signature or what it signs was changed cannot be told.
			signed := regexp.MustCompile(`(\.[0-9]+)?\.sig$`).ReplaceAllString(filepath.Base(file), "")
			require.Contains(t, []string{filepath.Base(file), signed}, filepath.Base(failure.File), "%v", err)
			require.ErrorContains(t, err, filepath.Base(file), "byte %d is %q in place of %q", at, changed[at], good[at])
		}
	}
	require.NoError(t, os.WriteFile(file, good, 0o600))
	for _, path := range paths {
		_, _, err := program.Verify(t.Context(), []string{path}, roster)
		require.NoError(t, err, "put back, it verifies")
	}
}

// positions returns where to change a file: everywhere in a small one, else at
// its ends and at random.
func positions(random *rand.Rand, size int) []int {
	var all []int
	if size <= smallFile || requireAll() && size <= 8*smallFile {
		for at := range size {
			all = append(all, at)
		}
		return all
	}
	all = append(all, 0, size-2, size-1)
	for range flips {
		all = append(all, random.IntN(size))
	}
	return all
}
