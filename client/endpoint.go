package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const maxAnswer = 1 << 20 // bytes

// parseURL reads a URL that secrets are sent to: https, or http to this machine itself.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if e, ok := errors.AsType[*url.Error](err); ok {
		return nil, e.Err // without the URL, which may hold a password
	}
	switch {
	case strings.ContainsFunc(u.Hostname(), notASCII):
		return nil, errors.New("URL's host must be ASCII: write its xn-- form")
	case u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("URL needs a host, and neither user, query nor fragment")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return u, nil
	}
	return nil, fmt.Errorf("%q must be https; http is for loopback alone", raw)
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && a.Unmap().IsLoopback()
}

func notASCII(c rune) bool { return c >= utf8.RuneSelf }

// lower leaves what is not ASCII alone: net/http dials another host for U+0130, whose lower case is i.
func lower(s string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		return c
	}, s)
}

// originOf is scheme, host and port in one spelling (RFC 6454 section 4).
func originOf(u *url.URL) string {
	scheme := lower(u.Scheme)
	port := cmp.Or(u.Port(), map[string]string{"https": "443", "http": "80"}[scheme])
	return scheme + "://" + net.JoinHostPort(lower(u.Hostname()), port)
}

// newHTTPClient follows no redirect: what is sent here goes to no other place.
func newHTTPClient(base http.RoundTripper, jar http.CookieJar) *http.Client {
	return &http.Client{Transport: base, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// answer is a token as servers give it (RFC 6749 section 5.1).
type answer struct {
	AccessToken  Secret `json:"access_token"`
	RefreshToken Secret `json:"refresh_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
}

// token is the answer to a request that began at start.
func (a *answer) token(start time.Time) (Token, error) {
	if a.TokenType != "" && !strings.EqualFold(a.TokenType, "Bearer") { // RFC 6749 section 7.1
		return Token{}, fmt.Errorf("token type %q is not Bearer", printable(a.TokenType, 32))
	}
	t := Token{Access: a.AccessToken, Refresh: a.RefreshToken}
	if a.ExpiresIn > 0 {
		t.ExpiresAt = start.Round(0).Add(time.Duration(min(a.ExpiresIn, 1<<31)) * time.Second)
	}
	return t, nil
}

// post sends a request and reads the answer. The error is an *Error where the server said no.
func post(ctx context.Context, c *http.Client, url string, header http.Header, body string) (answer, error) {
	var a answer
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return a, err
	}
	r.Header = header
	r.Header.Set("Accept", "application/json")
	res, err := c.Do(r)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return a, fmt.Errorf("read answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return a, newError(res, raw)
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return a, fmt.Errorf("read answer: not the JSON object of a token endpoint (%T)", err) // its text quotes the answer
	}
	return a, nil
}

func newError(res *http.Response, raw []byte) *Error {
	var body struct {
		Error       string `json:"error"`
		Msg         string `json:"msg"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(raw, &body) // no JSON: the status says enough
	e := &Error{
		Status: res.StatusCode, Code: printable(body.Error, 64),
		Message: printable(cmp.Or(body.Msg, body.Description), 256),
	}
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(min(seconds, 3600)) * time.Second
	}
	return e
}
