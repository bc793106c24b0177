package guard

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
)

// Except exempts requests from the Require that it is given to, for a guard that stands before a
// whole mux and so cannot be forgotten on a route of it:
//
//	g.Require(guard.Except("POST /login", "GET /healthz", "/static/"))(mux)
//
// The patterns are those of http.ServeMux, without a host (the caller chooses that) and not "/",
// which would exempt everything ("/{$}" is the root alone). An exempt request has no Identity, not
// even with a good token, and is not asked for one; routes behind can have a Require of their own.
//
// A path is exempt only as it is plainly written, in at most 8 KiB: with "//", "/../", "%2e", "%2F"
// or a backslash in it, which a handler might read in another way, it needs a token. What changes
// the path or method of requests has to stand before the guard. So does what answers CORS
// preflights: they bring no token, and are refused like any other request without one. CheckToken,
// which has no request, exempts nothing.
func Except(patterns ...string) Requirement {
	return Requirement{func(_ *Guard, p *policy) (err error) {
		if len(patterns) == 0 {
			return errors.New("Except needs a pattern")
		}
		if p.exempt != nil {
			return errors.New("Except stands once, with all patterns")
		}
		p.exempt = &exemption{http.NewServeMux()}
		for _, pattern := range patterns {
			if err := p.exempt.add(pattern); err != nil {
				return fmt.Errorf("Except(%q): %w", pattern, err)
			}
		}
		return nil
	}}
}

// exemption is the patterns of Except, matched as a mux behind the guard matches them.
type exemption struct{ mux *http.ServeMux }

// exempt is what the patterns lead to. It is told from the handlers by which a mux redirects.
type exempt struct{}

func (exempt) ServeHTTP(http.ResponseWriter, *http.Request) {}

// add takes a pattern; the mux panics on one that is malformed or conflicts with another.
func (e *exemption) add(pattern string) (err error) {
	at := strings.IndexByte(pattern, '/')
	if at < 0 || at > 0 && pattern[at-1] != ' ' && pattern[at-1] != '\t' {
		return errors.New("want a path, after a method or alone, without a host")
	}
	if strings.Contains(pattern, "%") || !isClean(pattern[at:]) {
		return errors.New("want a path as it is plainly written: no %, //, /./ or /../")
	}
	if pattern[at:] == "/" || strings.HasPrefix(pattern[at:], "/{") && strings.HasSuffix(pattern, "...}") {
		return errors.New("exempts every path")
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%v", v)
		}
	}()
	e.mux.Handle(pattern, exempt{})
	return nil
}

// has says whether the request needs no token.
func (e *exemption) has(r *http.Request) bool {
	if e == nil || !isPlain(r) {
		return false
	}
	h, _ := e.mux.Handler(r)
	_, ok := h.(exempt)
	return ok
}

const longestExempt = 8 << 10 // a mux copies the path, and strangers can send a megabyte

// isPlain says that the path can be read in one way only. RawPath is set where the path was encoded
// in another way than net/url would encode it.
func isPlain(r *http.Request) bool {
	p := r.URL.Path
	if len(p) > longestExempt || r.URL.RawPath != "" || r.Method == http.MethodConnect || !strings.HasPrefix(p, "/") || strings.ContainsAny(p, "\\\x00") {
		return false
	}
	return isClean(p)
}

// isClean says that a path is as path.Clean would have it, but for a slash at the end.
func isClean(p string) bool {
	clean := path.Clean(p)
	return p == clean || p == clean+"/" && p != "//"
}
