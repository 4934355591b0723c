package httpclient

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"keyturn/keygen"
)

// Loopback reports whether a host is this machine by its name or number.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Secure reports whether what is sent to an address can be read on the way by nobody
// else: over https, or over http within this machine.
func Secure(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && Loopback(u.Hostname())
}

// ParseBase accepts the base URL of a server that gets a token. It has no slash at
// its end. example is shown where it is none.
func ParseBase(raw, example string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("want a URL such as " + example)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("want a URL without user, query or fragment")
	case !Secure(u):
		return nil, fmt.Errorf("http is for loopback only, want https://%s", u.Host)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}

// A b64token of RFC 6750, section 2.1: what may stand in the header. A line break
// would split it.
var tokenPattern = regexp.MustCompile(`^[A-Za-z0-9._~+/-]{1,990}=*$`)

// ParseToken accepts a bearer token as it comes from the environment, with white
// space around it or not. The error never quotes the text.
func ParseToken(text string) (keygen.Secret, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return keygen.Secret{}, errors.New("token is empty")
	}
	if !tokenPattern.MatchString(text) {
		return keygen.Secret{}, fmt.Errorf("token has characters that a bearer token may not have, or too many (%d)", len(text))
	}
	return keygen.NewCredential(text)
}
