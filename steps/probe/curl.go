package probe

import (
	"slices"
	"strings"
)

// curl writes r as a command for a POSIX shell that sends the same request
// with curl and prints the status. It holds a signature, never a key; the secret
// that passes deployment protection is the shell's variable BYPASS.
func (r request) curl() string {
	args := []string{"curl", "-sS", "-o", "/dev/null", "-w", `%{http_code}\n`}
	address := r.url.Scheme + "://" + r.url.Host + r.url.RequestURI()
	if strings.ContainsAny(address, "[]{}") {
		args = append(args, "--globoff")
	}
	if strings.Contains(address, "/.") {
		args = append(args, "--path-as-is")
	}
	args = append(args, "-X", r.method)
	for _, h := range r.headers {
		args = append(args, "-H", h.name+": "+h.value)
	}
	if len(r.body) > 0 {
		args = append(args, "--data-raw", string(r.body)) // raw: a leading @ names no file
	}
	args = append(args, address)
	for i, arg := range args {
		args[i] = quote(arg)
	}
	if !r.bypass.IsZero() { // in double quotes, where the shell expands it
		args = slices.Insert(args, len(args)-1, "-H", `"`+bypassHeader+": $"+bypassVariable+`"`)
	}
	return strings.Join(args, " ")
}

// quote makes s one word of a POSIX shell (XCU section 2.2.2): within single
// quotes nothing has a meaning but the single quote itself.
func quote(s string) string {
	plain := s != ""
	for _, c := range []byte(s) {
		letterOrDigit := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letterOrDigit && !strings.ContainsRune("-_./:,@+", rune(c)) {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
