package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// TransportConfig configures a Transport. Source and Origins are required.
type TransportConfig struct {
	// Source has the token. The Transport does not close it.
	Source *Source
	// Origins are the servers that get the token ("https://api.example"): https,
	// or http on loopback. Requests elsewhere, by a redirect or a Host header
	// too, go without it, and so does one that a redirect from elsewhere made.
	Origins []string
	// Expired says that a response with status 401 is about a token that has
	// expired, from its headers and the first 4 KiB of its body. Default: the
	// body is JSON, with {"error": "token_expired"} as of a guard, or {"msg":
	// "Token has expired"} as of Flask-JWT-Extended. Set it for servers that say
	// it otherwise; see Transport for what follows.
	Expired func(res *http.Response, body []byte) bool
	// Base makes the requests, default http.DefaultTransport.
	Base http.RoundTripper
}

// Transport is an http.RoundTripper that adds the token of a Source, as
// Authorization: Bearer (RFC 6750 section 2.1), to requests that have no
// Authorization of their own.
//
// A request that is answered with 401 because the token has expired is sent
// once more with a newer token, if its body is empty or has a GetBody, as those
// of http.NewRequest do. Any other refusal is the answer: a new token of the same
// session would be refused as well. To HEAD a server says nothing in a body, so
// that its refusals are final unless Expired knows better.
type Transport struct {
	base    http.RoundTripper
	source  *Source
	origins map[string]bool
	expired func(res *http.Response, body []byte) bool
	// authorize puts the credential into a copy of a request; answered sees the response.
	authorize func(r *http.Request, l *lease)
	answered  func(r *http.Request, res *http.Response)
}

// NewTransport fails on an origin that is none, or that is neither https nor loopback.
func NewTransport(c TransportConfig) (*Transport, error) {
	if c.Source == nil || len(c.Origins) == 0 {
		return nil, errors.New("client: TransportConfig needs Source and Origins")
	}
	return newTransport(c, func(r *http.Request, l *lease) {
		r.Header.Set("Authorization", "Bearer "+l.Access.Reveal())
	})
}

func newTransport(c TransportConfig, authorize func(*http.Request, *lease)) (*Transport, error) {
	t := &Transport{base: c.Base, source: c.Source, origins: map[string]bool{}, expired: c.Expired, authorize: authorize}
	if t.base == nil {
		t.base = http.DefaultTransport
	}
	if t.expired == nil {
		t.expired = saysExpired
	}
	for _, o := range c.Origins {
		u, err := parseURL(o)
		if err == nil && strings.Trim(u.Path, "/") != "" {
			err = fmt.Errorf("%q has a path: tokens are for a whole origin", o)
		}
		if err != nil {
			return nil, fmt.Errorf("client: TransportConfig.Origins: %w", err)
		}
		t.origins[originOf(u)] = true
	}
	return t, nil
}

// RoundTrip implements http.RoundTripper. Errors are those of the base and of Source.Token.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if len(r.Header["Authorization"]) > 0 || !t.trusts(r) {
		return t.base.RoundTrip(r)
	}
	l, err := t.source.lease(r.Context())
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // a RoundTripper always closes it
		}
		return nil, err
	}
	res, err := t.send(r, r.Body, l)
	if err != nil || res.StatusCode != http.StatusUnauthorized || !t.expired(peek(res)) {
		return res, err
	}
	if again := t.again(r, l); again != nil {
		_ = res.Body.Close()
		return again()
	}
	return res, nil
}

// trusts says that r goes to one of the origins, and that no redirect from elsewhere made it: another
// site would choose what is done there in our name.
func (t *Transport) trusts(r *http.Request) bool {
	for r != nil && r.URL != nil && t.origins[originOf(r.URL)] {
		if r.Host != "" && r.Host != r.URL.Host && originOf(&url.URL{Scheme: r.URL.Scheme, Host: r.Host}) != originOf(r.URL) {
			return false // behind one address, another tenant's
		}
		if r.Response == nil {
			return true
		}
		r = r.Response.Request
	}
	return false
}

// again sends r once more with a token newer than l. It is nil where that cannot be: the refusal then is the answer.
func (t *Transport) again(r *http.Request, l *lease) func() (*http.Response, error) {
	hasBody := r.Body != nil && r.Body != http.NoBody
	if hasBody && r.GetBody == nil {
		return nil
	}
	if l = t.source.newer(r.Context(), l); l == nil {
		return nil
	}
	body := r.Body
	if hasBody {
		var err error
		if body, err = r.GetBody(); err != nil {
			return nil
		}
	}
	return func() (*http.Response, error) { return t.send(r, body, l) }
}

// send sends a copy of r: a RoundTripper may not change the request itself.
func (t *Transport) send(r *http.Request, body io.ReadCloser, l *lease) (*http.Response, error) {
	c := r.Clone(r.Context())
	c.Body = body
	if c.Header == nil {
		c.Header = http.Header{}
	}
	t.authorize(c, l)
	res, err := t.base.RoundTrip(c)
	if err != nil {
		return nil, err
	}
	if t.answered != nil {
		t.answered(c, res)
	}
	res.Request = r // not the one with the token, which a dump would show
	return res, nil
}

// CloseIdleConnections closes those of the base; http.Client calls it.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

const peekSize = 4 << 10 // bytes

// peek reads the beginning of a body and puts it back. The response that it gives is to look at: it has none.
func peek(res *http.Response) (*http.Response, []byte) {
	head, err := io.ReadAll(io.LimitReader(res.Body, peekSize))
	rest := io.Reader(res.Body)
	if err != nil {
		rest = failing{err}
	}
	res.Body = peeked{io.MultiReader(bytes.NewReader(head), rest), res.Body}
	shown := *res
	shown.Body = http.NoBody
	return &shown, head
}

// saysExpired is the default of TransportConfig.Expired.
func saysExpired(res *http.Response, body []byte) bool {
	if t, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return false
	}
	var refusal struct{ Error, Msg string }
	if json.Unmarshal(body, &refusal) != nil {
		return false
	}
	return refusal.Error == "token_expired" || refusal.Error == "" && refusal.Msg == "Token has expired"
}

type peeked struct {
	io.Reader
	io.Closer
}

// failing gives the reader of a body the error that peeking met.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// isSafe says that a method changes nothing (RFC 9110 section 9.2.1).
func isSafe(method string) bool {
	switch method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

var _ http.RoundTripper = (*Transport)(nil)
