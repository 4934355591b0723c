package checklist_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "keyturn"

// room is a part of the program and what it may import of the others: a path
// stands for itself, and with /... for all below it as well. Every room may
// import keygen, and what is below itself.
type room struct {
	path      string
	mayImport []string
	except    []string // from mayImport
	without   []string // packages of the standard library that it does without
}

// concerns are the rooms of the steps: each knows those before it, and those of
// one line do not know each other. All know the clients of the outside.
func concerns() []room {
	outside := []string{
		"checklist", "checklist/record", "vault/...", "steps/vercel", "steps/clipboard", "steps/probe", "steps/requestlog",
		"steps/notify", "steps/paper", "steps/approval",
	}
	var all []room
	known := outside
	for _, line := range [][]string{
		{"steps/target"}, {"steps/keys"}, {"steps/traffic"}, {"steps/proof"}, {"steps/hosting"},
		{"steps/consent", "steps/paperwork"},
		{"steps/emergency", "steps/rollback", "steps/drill"},
		{"steps"},
	} {
		for _, path := range line {
			all = append(all, room{path: path, mayImport: known})
		}
		known = append(slices.Clone(known), line...)
	}
	return all
}

// rooms are listed from the inside to the outside; the first that holds a
// package counts.
var rooms = append(concerns(), []room{
	{path: "keygen/...", without: []string{"os", "net", "net/http", "os/exec", "time/tzdata"}},
	{path: "vault/durable"},
	{path: "vault/ownfile"},
	{path: "vault/...", mayImport: []string{"vault/durable", "vault/ownfile"}},
	{path: "checklist/canonical", without: []string{"os", "os/exec", "net", "net/http", "io/fs", "path/filepath", "syscall"}},
	{path: "checklist", mayImport: []string{"checklist/canonical"}, without: []string{"os", "os/exec", "net", "net/http", "io/fs", "path/filepath", "syscall"}},
	{path: "checklist/journal", mayImport: []string{"checklist", "vault/durable", "vault/ownfile"}, without: []string{"net", "net/http", "os/exec"}},
	{path: "checklist/record/...", mayImport: []string{"checklist", "checklist/canonical", "vault/durable", "vault/ownfile"}, without: []string{"net", "net/http", "os/exec"}},
	{path: "checklist/checklisttest", mayImport: []string{"checklist", "checklist/journal"}},
	{path: "steps/httpclient", without: []string{"os", "os/exec", "log"}},
	{path: "steps/config/...", mayImport: []string{"vault/ownfile", "steps/httpclient"}},
	{path: "steps/vercel/...", mayImport: []string{"steps/httpclient"}},
	{path: "steps/clipboard/..."},
	{path: "steps/probe/...", mayImport: []string{"steps/httpclient"}},
	{path: "steps/requestlog/...", mayImport: []string{"steps/httpclient"}},
	{path: "steps/notify/...", mayImport: []string{"steps/httpclient"}},
	{path: "steps/paper/...", mayImport: []string{"vault/durable"}},
	{path: "steps/approval/..."},
	{path: "steps/sandbox/...", mayImport: []string{"vault/durable", "vault/ownfile", "steps/vercel", "steps/probe", "steps/requestlog", "steps/notify", "steps/approval"}},
	{path: "steps/program/...", mayImport: []string{"..."}, except: []string{"ui/...", "checklist/checklisttest"}},
	{path: "ui/cli/...", mayImport: []string{"..."}, except: []string{"checklist/checklisttest"}}, // the commands of main
	{path: "ui/e2e", mayImport: []string{"..."}, except: []string{"checklist/checklisttest"}},     // tests of the whole
	{path: "ui/...", mayImport: []string{"checklist", "checklist/record"}, except: []string{"ui/cli/..."}, without: []string{"net/http", "database/sql", "os/exec"}},
	{path: "", mayImport: []string{"..."}, except: []string{"checklist/checklisttest"}},
}...)

// screens are the modules that draw; only the ui and main may know them.
const screens = "github.com/charmbracelet/"

func within(pkg, pattern string) bool {
	if parent, ok := strings.CutSuffix(pattern, "..."); ok {
		parent = strings.TrimSuffix(parent, "/")
		return parent == "" || pkg == parent || strings.HasPrefix(pkg, parent+"/")
	}
	return pkg == pattern
}

func anyWithin(pkg string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return within(pkg, p) })
}

// wrong says why the room may not import a package, and is empty when it may.
func (r room) wrong(imported string) string {
	if strings.HasPrefix(imported, screens) && !strings.HasPrefix(r.path, "ui/") && r.path != "" {
		return "only the ui draws"
	}
	inside, ours := strings.CutPrefix(imported, module+"/")
	switch {
	case !ours && slices.Contains(r.without, imported):
		return "this room does without"
	case !ours, within(inside, "keygen/..."):
		return ""
	case anyWithin(inside, r.except), !within(inside, r.path) && !anyWithin(inside, r.mayImport):
		return "no such arrow"
	}
	return ""
}

type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func mustListPackages(t *testing.T) []listed {
	t.Helper()
	goTool, err := exec.LookPath("go")
	if err != nil {
		if os.Getenv("KEYTURN_TEST_REQUIRE") == "all" {
			t.Fatal("the go tool is missing")
		}
		t.Skip("the go tool, which lists the imports, is missing")
	}
	// A cached result of this test holds only while the files that the test
	// itself has looked at are the same.
	require.NoError(t, filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".go" {
			_, err = os.Stat(path)
		}
		return err
	}))
	cmd := exec.CommandContext(t.Context(), goTool, "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else {
			require.NoError(t, err)
		}
		all = append(all, p)
	}
}

func TestImportArrows(t *testing.T) {
	t.Parallel()
	packages := mustListPackages(t)
	require.NotEmpty(t, packages)
	for _, p := range packages {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		at := slices.IndexFunc(rooms, func(r room) bool { return within(name, r.path) })
		if !assert.GreaterOrEqual(t, at, 0, "%s is in no room; give it one, with its arrows", p.ImportPath) {
			continue
		}
		for _, imported := range p.Imports {
			if why := rooms[at].wrong(imported); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, why)
			}
		}
		// Tests may reach further, but nothing looks at the ui from below.
		for _, imported := range append(p.TestImports, p.XTestImports...) {
			if within(strings.TrimPrefix(imported, module+"/"), "ui/...") && name != "" && !within(name, "ui/...") {
				t.Errorf("the tests of %s import %s: nothing below the ui knows it", p.ImportPath, imported)
			}
		}
	}
}

func TestTheArrowsAreHeld(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		from, to string
		allowed  bool
	}{
		{"checklist", "keyturn/keygen", true},
		{"checklist", "os", false},
		{"checklist", "net/http", false},
		{"checklist", "keyturn/checklist/journal", false},
		{"checklist", "keyturn/steps", false},
		{"checklist/journal", "keyturn/checklist", true},
		{"checklist/journal", "os", true},
		{"checklist/journal", "keyturn/vault/ownfile", true},
		{"checklist", "keyturn/vault/ownfile", false},
		{"vault/ownfile", "keyturn/checklist", false},
		{"checklist/record", "keyturn/keygen/sshsig", true},
		{"checklist/record", "keyturn/vault", false},
		{"vault", "keyturn/checklist", false},
		{"vault/durable", "keyturn/vault", false},
		{"checklist/journal", "keyturn/vault/durable", true},
		{"checklist/journal", "keyturn/vault", false},
		{"steps/probe", "keyturn/steps/vercel", false},
		{"steps/probe", "keyturn/checklist", false},
		{"steps/probe", "keyturn/steps/httpclient", true},
		{"steps/httpclient", "keyturn/steps/vercel", false},
		{"steps/httpclient", "keyturn/keygen", true},
		{"steps/clipboard", "keyturn/steps/httpclient", false},
		{"steps/sandbox", "keyturn/steps/vercel", true},
		{"steps/sandbox", "keyturn/vault", false},
		{"steps/target", "keyturn/steps/vercel", true},
		{"steps/target", "keyturn/steps/keys", false},
		{"steps/proof", "keyturn/steps/traffic", true},
		{"steps/proof", "keyturn/steps/hosting", false},
		{"steps/consent", "keyturn/steps/hosting", true},
		{"steps/consent", "keyturn/steps/paperwork", false},
		{"steps/drill", "keyturn/steps/paperwork", true},
		{"steps/drill", "keyturn/steps/emergency", false},
		{"steps/rollback", "keyturn/steps", false},
		{"steps", "keyturn/steps/rollback", true},
		{"steps", "keyturn/steps/sandbox", false},
		{"steps", "keyturn/steps/program", false},
		{"steps", "keyturn/steps/probe", true},
		{"steps", "keyturn/checklist/record", true},
		{"steps", "keyturn/checklist/journal", false},
		{"steps/program", "keyturn/steps/sandbox", true},
		{"steps/program", "keyturn/checklist/journal", true},
		{"steps/program", "keyturn/ui", false},
		{"steps/program", "github.com/charmbracelet/bubbletea", false},
		{"ui/plain", "keyturn/ui", true},
		{"ui", "github.com/charmbracelet/bubbletea", true},
		{"ui", "keyturn/checklist/record", true},
		{"ui", "keyturn/vault", false},
		{"ui", "keyturn/steps", false},
		{"ui", "net/http", false},
		{"ui", "os/exec", false},
		{"ui", "keyturn/steps/clipboard", false},
		{"ui", "keyturn/ui/cli", false},
		{"ui/cli", "keyturn/ui/plain", true},
		{"ui/cli", "keyturn/steps/program", true},
		{"", "keyturn/ui", true},
		{"", "keyturn/checklist/checklisttest", false},
	} {
		at := slices.IndexFunc(rooms, func(r room) bool { return within(tc.from, r.path) })
		require.GreaterOrEqual(t, at, 0, tc.from)
		assert.Equal(t, tc.allowed, rooms[at].wrong(tc.to) == "", "%q imports %s", tc.from, tc.to)
	}
	assert.False(t, slices.ContainsFunc(rooms, func(r room) bool { return within("common", r.path) }), "a new room needs a place in the table")
}
