package programtest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"keyturn/steps/program"
	"keyturn/vault"
)

// Secrets are the texts that must be seen nowhere, and how each is called when
// it is.
type Secrets struct {
	mu     sync.Mutex
	names  map[string]string // secret to name
	search []needle
}

// needle is a secret in one of its disguises.
type needle struct {
	secret, form string
	bytes        []byte
}

// Add adds a secret. A text of hex digits is also looked for as the bytes that
// it stands for.
func (s *Secrets) Add(name, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.names[secret]; known || secret == "" {
		return
	}
	if s.names == nil {
		s.names = map[string]string{}
	}
	s.names[secret] = name
	for form, b := range disguises(secret) {
		s.search = append(s.search, needle{name, form, b})
	}
}

// AddAll adds every secret that a program knows of now: those of its vault,
// those with which the sandbox began, and the sandbox's tokens.
func (s *Secrets) AddAll(ctx context.Context, p *program.Program) error {
	entries, err := p.Vault().List(ctx)
	if err != nil {
		return err
	}
	for _, e := range entries {
		secret, _, err := p.Vault().Get(ctx, e.Name)
		if errors.Is(err, vault.ErrNotFound) || errors.Is(err, vault.ErrSealed) { // cut off while it was written, or shut away
			continue
		}
		if err != nil {
			return err
		}
		s.Add(string(e.Name), secret.Reveal())
	}
	for environment, seed := range p.World().Seeded() {
		s.Add("first key of "+environment, seed.Reveal())
	}
	s.Add("vercel token", p.World().VercelToken())
	s.Add("log token", p.World().LogToken())
	return nil
}

// Names returns the names of the secrets, sorted.
func (s *Secrets) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, name := range s.names {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// disguises returns the forms in which a secret could be seen. Half of it is as
// bad as all of it.
func disguises(secret string) map[string][]byte {
	forms := map[string][]byte{
		"text":             []byte(secret),
		"upper case":       []byte(strings.ToUpper(secret)),
		"its first half":   []byte(secret[:len(secret)/2]),
		"its second half":  []byte(secret[len(secret)/2:]),
		"hex of the text":  []byte(hex.EncodeToString([]byte(secret))),
		"bytes of a text":  []byte(strings.Trim(fmt.Sprint([]byte(secret)), "[]")),
		"spelt with \\u":   []byte(spelt(secret, `\u%04x`)),
		"spelt with \\x":   []byte(spelt(secret, `\x%02x`)),
		"spelt with %":     []byte(spelt(secret, "%%%02X")),
		"its text in JSON": inJSON(secret),
	}
	based(forms, "the text", []byte(secret))
	raw, err := hex.DecodeString(secret)
	if err != nil {
		return forms
	}
	forms["raw bytes"] = raw
	forms["raw bytes, numbered"] = []byte(strings.Trim(fmt.Sprint(raw), "[]"))
	forms["raw bytes, quoted"] = []byte(strings.Trim(strconv.Quote(string(raw)), `"`))
	forms["raw bytes, in a URL"] = []byte(url.QueryEscape(string(raw)))
	forms["raw bytes, in JSON"] = inJSON(string(raw))
	forms["spaced hex"] = fmt.Appendf(nil, "% x", raw)
	based(forms, "the raw bytes", raw)
	return forms
}

func spelt(text, format string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

func inJSON(text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		return []byte(text)
	}
	return bytes.Trim(quoted, `"`)
}

// based adds base64 in both alphabets, wherever the secret lies in what was
// encoded: its bits begin at one of three places.
func based(forms map[string][]byte, what string, secret []byte) {
	for offset := range 3 {
		padded := append(make([]byte, offset), secret...)
		from := (offset*8 + 5) / 6  // the first character of only the secret's bits
		to := (len(padded) * 8) / 6 // behind the last
		for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			forms[fmt.Sprintf("%s of %s at %d", name, what, offset)] = []byte(encoding.EncodeToString(padded)[from:to])
		}
	}
}

var space = regexp.MustCompile(`\s+`)

// In returns what is found of the secrets in data, in words without the secret.
// Line breaks do not hide one.
func (s *Secrets) In(data []byte) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	joined := space.ReplaceAll(data, nil)
	var found []string
	for _, n := range s.search {
		if bytes.Contains(data, n.bytes) || bytes.Contains(joined, n.bytes) {
			found = append(found, fmt.Sprintf("%s as %s", n.secret, n.form))
		}
	}
	slices.Sort(found)
	return found
}

// InFiles returns what is found of the secrets in the names and contents of all
// files below a folder, each with the file, and how many files there were.
func (s *Secrets) InFiles(dir string) (found []string, files int, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for _, f := range s.In([]byte(d.Name())) {
			found = append(found, "a name below "+dir+": "+f)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		files++
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, f := range s.In(data) {
			found = append(found, path+": "+f)
		}
		return nil
	})
	return found, files, err
}
