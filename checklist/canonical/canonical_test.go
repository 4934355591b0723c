package canonical_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist/canonical"
)

type code string

// all has a member of every kind that has a form.
type all struct {
	Text     string            `json:"text"`
	Code     code              `json:"code,omitempty"`
	Count    int               `json:"count"`
	Limit    time.Duration     `json:"limit,omitempty"`
	Value    float64           `json:"value"`
	Most     float64           `json:"most,omitempty"`
	Yes      bool              `json:"yes"`
	No       bool              `json:"no,omitempty"`
	At       time.Time         `json:"at"`
	Since    time.Time         `json:"since,omitempty"`
	Until    *time.Time        `json:"until,omitempty"`
	Names    []string          `json:"names"`
	Rows     [][]string        `json:"rows,omitempty"`
	Facts    map[code]string   `json:"facts"`
	Slots    map[code][]string `json:"slots,omitempty"`
	Part     part              `json:"part"`
	Parts    []part            `json:"parts,omitempty"`
	Last     *part             `json:"last"`
	Excluded int               `json:"-"`
}

type part struct {
	Name string `json:"name,omitempty"`
	At   *int   `json:"at,omitempty"`
}

func encode(t testing.TB, v any, indent string) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	require.NoError(t, enc.Encode(v))
	return b.Bytes()
}

// samples are values with every member set, with none, and with what is written in
// a way of its own.
func samples() []all {
	at, five := time.Date(2026, 1, 5, 9, 0, 0, 120, time.UTC), 5
	full := all{
		Text: "a text", Code: "c", Count: -12, Limit: time.Hour, Value: 0.5, Most: 1e21, Yes: true, No: true,
		At: at, Since: at, Until: &at, Names: []string{"b", "a"}, Rows: [][]string{nil, {}, {"x", ""}},
		Facts: map[code]string{"b": "1", "a": "2"}, Slots: map[code][]string{"s": {"t"}},
		Part: part{Name: "p", At: &five}, Parts: []part{{}, {Name: "q"}}, Last: &part{},
	}
	odd := full
	odd.Text = "\" \\ / \b\f\n\r\t\x00\x1f\x7f <&> é \u2028 \u2029 \U0001f600 \ufffd"
	odd.Facts = map[code]string{"": odd.Text, "\n": "", "é": "x"}
	odd.Count, odd.Value, odd.Most = math.MinInt, math.Copysign(0, -1), math.SmallestNonzeroFloat64
	odd.At = at.In(time.FixedZone("", 3600))
	empty := all{Names: []string{}, Facts: map[code]string{}}
	return []all{{}, full, odd, empty}
}

func TestReadsWhatIsWritten(t *testing.T) {
	t.Parallel()
	for _, indent := range []string{"", "  "} {
		form := canonical.FormOf[all](indent)
		for _, want := range samples() {
			text := encode(t, want, indent)
			var got all
			require.True(t, form.Read(text, &got), "%s", text)
			var decoded all
			require.NoError(t, json.Unmarshal(text, &decoded))
			assert.Equal(t, decoded, got)
		}
	}
}

// judge compares a reading with the slow one: decode, encode and compare.
func judge(t *testing.T, form canonical.Form[all], text []byte, indent string) {
	t.Helper()
	var want, got all
	canBe := json.Unmarshal(text, &want) == nil && bytes.Equal(encode(t, want, indent), text)
	ok := form.Read(text, &got)
	require.Equal(t, canBe, ok, "%q", text)
	if ok {
		require.Equal(t, want, got)
	}
}

// Whatever is done to a text at one place, it is read only where it is still the
// one text of a value.
func TestReadsNothingElse(t *testing.T) {
	t.Parallel()
	put := []string{"", " ", "\n", ",", "0", "-", ".", `"`, `\`, "{", "}", "[", "]", "null", ":", "\xff"}
	for _, indent := range []string{"", "  "} {
		form := canonical.FormOf[all](indent)
		for _, sample := range samples() {
			text := encode(t, sample, indent)
			for at := range text {
				for _, word := range put {
					judge(t, form, bytes.Join([][]byte{text[:at], text[at:]}, []byte(word)), indent)
					judge(t, form, bytes.Join([][]byte{text[:at], text[at+1:]}, []byte(word)), indent)
				}
			}
		}
	}
}

func TestReadsNoOtherSpelling(t *testing.T) {
	t.Parallel()
	form := canonical.FormOf[all]("")
	text := string(encode(t, samples()[1], ""))
	for name, change := range map[string][2]string{
		"a member twice":           {`"count":-12`, `"count":-12,"count":-12`},
		"a name in another case":   {`"count"`, `"Count"`},
		"an unknown member":        {`"count"`, `"more":1,"count"`},
		"members in another order": {`"yes":true,"no":true`, `"no":true,"yes":true`},
		"a member that is missing": {`"count":-12,`, ``},
		"an empty one written":     {`"code":"c"`, `"code":""`},
		"null for a number":        {`"count":-12`, `"count":null`},
		"keys in another order":    {`"a":"2","b":"1"`, `"b":"1","a":"2"`},
		"a key twice":              {`"a":"2"`, `"a":"2","a":"2"`},
		"a letter escaped":         {`"a text"`, `"\u0061 text"`},
		"a float with more zeros":  {`0.5`, `0.50`},
		"a time with more zeros":   {`00.00000012Z`, `00.000000120Z`},
		"a number with a plus":     {`-12`, `+12`},
		"minus nothing":            {`-12`, `-0`},
		"a count too large":        {`-12`, `99999999999999999999`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, text, change[0])
			judge(t, form, []byte(strings.Replace(text, change[0], change[1], 1)), "")
			assert.False(t, form.Read([]byte(strings.Replace(text, change[0], change[1], 1)), &all{}))
		})
	}
}

func TestFormOfRefuses(t *testing.T) {
	t.Parallel()
	for name, form := range map[string]func(){
		"bytes":                   func() { canonical.FormOf[[]byte]("") },
		"any":                     func() { canonical.FormOf[any]("") },
		"a type that is embedded": func() { canonical.FormOf[struct{ part }]("") },
		"a member without a name": func() { canonical.FormOf[struct{ Name string }]("") },
		"another option": func() {
			canonical.FormOf[struct {
				Name string `json:"name,omitzero"`
			}]("")
		},
		"keys that are numbers":  func() { canonical.FormOf[map[int]string]("") },
		"an encoding of its own": func() { canonical.FormOf[spelled]("") },
		"raw text":               func() { canonical.FormOf[json.RawMessage]("") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Panics(t, form)
		})
	}
}

type spelled string

func (spelled) MarshalText() ([]byte, error) { return nil, nil }

func FuzzRead(f *testing.F) {
	for _, sample := range samples() {
		f.Add(encode(f, sample, ""), false)
		f.Add(encode(f, sample, "  "), true)
	}
	forms := map[string]canonical.Form[all]{"": canonical.FormOf[all](""), "  ": canonical.FormOf[all]("  ")}
	f.Fuzz(func(t *testing.T, text []byte, indented bool) {
		indent := ""
		if indented {
			indent = "  "
		}
		judge(t, forms[indent], text, indent)
	})
}
