package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"

	"keyturn/vault/ownfile"
)

// FileName is the name of the configuration file.
const FileName = "keyturn.toml"

// The environment variables that hold what must not be in the file.
const (
	EnvVercelToken     = "VERCEL_TOKEN"
	EnvRequestLogToken = "KEYTURN_LOG_TOKEN"
)

// The vaults that can be chosen.
const (
	VaultAuto     = "auto"
	VaultKeychain = "keychain"
	VaultFile     = "file"
)

const (
	defaultAPI          = "https://api.vercel.com"
	defaultRotationDays = 90 // the runbook's standard rotation
	defaultDualKeyDays  = 7  // the runbook's dual-key period
	defaultRequired     = 1  // approvals by others: two people in all
	maxFile             = 1 << 20
)

// Config is what keyturn.toml says, with the defaults filled in. A value made
// by Load or Parse is complete and valid.
type Config struct {
	Service      string     `toml:"service"`       // name of what is rotated, for people
	Vault        string     `toml:"vault"`         // VaultAuto, VaultKeychain or VaultFile
	Operator     string     `toml:"operator"`      // principal of who runs it, as in allowed_signers
	RotationDays int        `toml:"rotation_days"` // age from which a key is due
	DualKeyDays  int        `toml:"dual_key_days"` // how long both keys are valid
	Documents    string     `toml:"documents"`     // folder that has decisions.md; "" if none
	Vercel       Vercel     `toml:"vercel"`
	Targets      []Target   `toml:"targets"` // at least one
	RequestLog   RequestLog `toml:"request_log"`
	Profile      Profile    `toml:"profile"`
	Approval     Approval   `toml:"approval"`
	Paper        Paper      `toml:"paper"`

	file  string         // "" if it was not made by Load or Parse
	lines map[string]int // of what the file has, by the path of a Problem's Field
}

// Problem is a mistake in a field that only shows outside the file. Where the
// file leaves the field out, the line is that of its table, or the first.
func (c Config) Problem(field, found, fix string) Problem {
	table, _, _ := cutLast(field)
	return Problem{File: c.file, Line: cmp.Or(c.lines[field], c.lines[table], 1), Field: field, Found: found, Fix: fix}
}

// How changes are made at Vercel.
const (
	ModeAPI       = "api"
	ModeDashboard = "dashboard" // by the operator, whom Keyturn tells what to press
)

// Vercel says where the projects are.
type Vercel struct {
	// Team is the id (team_…) or the slug, "" for a personal account. In ModeDashboard
	// it is what the dashboard's addresses begin with: the slug of the team, or of
	// the personal account.
	Team string `toml:"team"`
	API  string `toml:"api"`  // base URL; of no use in ModeDashboard
	Mode string `toml:"mode"` // ModeAPI or ModeDashboard
}

// Dashboard is the address of the team's or the person's dashboard.
func (v Vercel) Dashboard() string { return "https://vercel.com/" + v.Team }

// Target is one Vercel project that holds the secrets.
type Target struct {
	Project   string `toml:"project"`   // id (prj_…) or name
	Role      string `toml:"role"`      // RoleVerifier, RoleSigner or RoleBoth
	Type      string `toml:"type"`      // sensitive or encrypted; "" is sensitive where Vercel allows it
	Protected bool   `toml:"protected"` // by Vercel's deployment protection, which a secret in the vault passes
	// Staging and Production are the slots that make up an environment, as
	// ParseSlot reads them.
	Staging    []string `toml:"staging"`
	Production []string `toml:"production"`
	Probe      Probe    `toml:"probe"` // may be empty for a signer
}

// Probe has the URLs that verify signatures, one for each environment.
type Probe struct {
	Staging    string `toml:"staging"`
	Production string `toml:"production"`
}

// URL returns the URL of an environment, "" if it is neither staging nor
// production.
func (p Probe) URL(environment string) string {
	switch environment {
	case "staging":
		return p.Staging
	case "production":
		return p.Production
	}
	return ""
}

// RequestLog says where the log of signed requests is.
type RequestLog struct {
	URL string `toml:"url"` // "" if there is none
}

// Profile says how requests are signed. What is "" or empty is as in the
// default profile, hmac-v1.
type Profile struct {
	Name            string   `toml:"name"`
	KeyIDHeader     string   `toml:"key_id_header"`
	TimestampHeader string   `toml:"timestamp_header"`
	NonceHeader     string   `toml:"nonce_header"`
	SignatureHeader string   `toml:"signature_header"`
	Separator       string   `toml:"separator"`
	Fields          []string `toml:"fields"`    // method, path, timestamp, nonce, body, in the order signed
	Timestamp       string   `toml:"timestamp"` // iso, unix or unixms
	Body            string   `toml:"body"`      // raw or sha256hex
	Encoding        string   `toml:"encoding"`  // hex or base64
	SignQuery       bool     `toml:"sign_query"`
}

// Approval says who must agree to a change of production.
type Approval struct {
	Required       int    `toml:"required"`        // people other than the operator, at least 1
	AllowedSigners string `toml:"allowed_signers"` // roster file; "" for the one in the state folder
}

// Paper names templates that replace the built-in ones; "" keeps one.
type Paper struct {
	Decisions  string `toml:"decisions"`   // an entry of decisions.md
	Incident   string `toml:"incident"`    // an entry of incidents.md
	PostMortem string `toml:"post_mortem"` // a document of its own
}

// Load reads the file and makes its paths relative to its folder. The error is
// Problems if the file can be read but has mistakes.
func Load(file string) (Config, error) {
	data, err := read(file)
	if err != nil {
		return Config{}, err
	}
	c, err := Parse(file, data)
	if err != nil {
		return Config{}, err
	}
	folder := filepath.Dir(file)
	c.Documents = under(folder, c.Documents)
	c.Approval.AllowedSigners = under(folder, c.Approval.AllowedSigners)
	c.Paper.Decisions = under(folder, c.Paper.Decisions)
	c.Paper.Incident = under(folder, c.Paper.Incident)
	c.Paper.PostMortem = under(folder, c.Paper.PostMortem)
	return c, nil
}

func under(folder, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}

func read(file string) (data []byte, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// Who can write the file decides where the token and the requests go.
	var writers *ownfile.WritersError
	switch err := ownfile.CheckWriters(file); {
	case errors.As(err, &writers):
		return nil, Problems{{File: file, Line: 1, Field: "(file)", Found: "that " + writers.Error(), Fix: writers.Fix(func(path string) string { return path })}}
	case err != nil:
		return nil, fmt.Errorf("find who can write the configuration: %w", err)
	}
	data, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return data, nil
}

// Parse reads the text of a configuration file; name is for the messages. Every
// mistake is reported: the error is nil or Problems.
func Parse(name string, data []byte) (Config, error) {
	if len(data) > maxFile {
		return Config{}, Problems{{File: name, Line: 1, Field: "(file)", Found: "more than 1 MiB", Fix: "is this the right file? a configuration has a few dozen lines"}}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // Windows Notepad
	problems, lines := examine(name, data)
	if len(problems) > 0 {
		return Config{}, problems
	}
	c := Config{
		file: name, lines: lines,
		Vault: VaultAuto, RotationDays: defaultRotationDays, DualKeyDays: defaultDualKeyDays,
		Vercel: Vercel{API: defaultAPI, Mode: ModeAPI}, Approval: Approval{Required: defaultRequired},
	}
	err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&c)
	if err != nil {
		return Config{}, decodeProblems(name, err)
	}
	for i := range c.Targets {
		c.Targets[i].fill()
	}
	return c, nil
}

// ErrNotFound: there is no configuration file; see NotFoundError.
var ErrNotFound = errors.New("no configuration file")

// NotFoundError says where a configuration file was looked for.
type NotFoundError struct{ Tried []string }

func (e *NotFoundError) Error() string {
	words := "find configuration: no " + FileName
	for i, path := range e.Tried {
		words += []string{" at ", " or "}[min(i, 1)] + path
	}
	return words
}

// Is matches ErrNotFound.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// Hint returns the next act.
func (e *NotFoundError) Hint() string {
	return "write one with keyturn init, name it with --config FILE, or try everything without one on the sandbox: keyturn --sandbox"
}

// Find returns the configuration file of the working folder, else that of the
// user (keyturn/keyturn.toml in userConfigDir, which may be ""). Folders above
// the working folder are not searched: whoever can write there could
// redirect the requests. The error is a *NotFoundError if there is none.
func Find(workdir, userConfigDir string) (string, error) {
	candidates := []string{filepath.Join(workdir, FileName)}
	if userConfigDir != "" {
		candidates = append(candidates, filepath.Join(userConfigDir, "keyturn", FileName))
	}
	for _, path := range candidates {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return "", fmt.Errorf("find configuration: %w", err)
		case info.IsDir():
			return "", fmt.Errorf("find configuration: %s is a folder", path)
		}
		return path, nil
	}
	return "", &NotFoundError{Tried: candidates}
}
