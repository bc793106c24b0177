package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// TransportConfig configures a Transport. Source and Origins are required.
type TransportConfig struct {
	Source *Source
	// Origins are the servers that get the token ("https://api.example"): https,
	// or http on loopback. Requests elsewhere, by a redirect too, go without it.
	Origins []string
	// Base makes the requests, default http.DefaultTransport.
	Base http.RoundTripper
}

// Transport is an http.RoundTripper that adds the token of a Source, as
// Authorization: Bearer (RFC 6750 section 2.1), to requests that have no
// Authorization of their own.
//
// A request that is answered with 401 and {"error": "token_expired"} is sent
// once more with a newer token, if its body is empty or has a GetBody, as those
// of http.NewRequest do. Any other refusal is the answer: a new token of the same
// session would be refused as well.
type Transport struct {
	base    http.RoundTripper
	source  *Source
	origins map[string]bool
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
	t := &Transport{base: c.Base, source: c.Source, origins: map[string]bool{}, authorize: authorize}
	if t.base == nil {
		t.base = http.DefaultTransport
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
	if r.URL == nil || !t.origins[originOf(r.URL)] || len(r.Header["Authorization"]) > 0 {
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
	if err != nil || !saysExpired(res) {
		return res, err
	}
	if again := t.again(r, l); again != nil {
		_ = res.Body.Close()
		return again()
	}
	return res, nil
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

// saysExpired looks into the body of a refusal and puts back what it read.
func saysExpired(res *http.Response) bool {
	if res.StatusCode != http.StatusUnauthorized {
		return false
	}
	if t, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return false
	}
	head, err := io.ReadAll(io.LimitReader(res.Body, peekSize))
	rest := io.Reader(res.Body)
	if err != nil {
		rest = failing{err}
	}
	res.Body = peeked{io.MultiReader(bytes.NewReader(head), rest), res.Body}
	var refusal struct {
		Error string `json:"error"`
	}
	return json.Unmarshal(head, &refusal) == nil && refusal.Error == "token_expired"
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
