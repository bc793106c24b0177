package oauth

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
)

// maxParameters of one request.
const maxParameters = 100

// form is the parameters of a request: each once, but for those of RFC 8707, which have each value once; what was sent without a
// value is not there (RFC 6749 section 3.1).
type form map[string][]string

// get is the value of a parameter, "" where it was not sent.
func (f form) get(name string) string {
	if v := f[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// list is the values of a parameter that is a list separated by spaces (RFC 6749 section 3.3), each once.
func (f form) list(name string) (words []string) {
	for _, w := range strings.Fields(f.get(name)) {
		if !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	return words
}

// repeated are the parameters that may be sent more than once (RFC 8707 section 2, RFC 8693 section 2.1).
var repeated = []string{"resource", "audience"}

// parseBody reads the form of a POST (RFC 6749 appendix B). Credentials have no place in a URL (section 2.3.1), so a query is refused
// as a whole.
func parseBody(w http.ResponseWriter, r *http.Request) (form, error) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
		return nil, refuse("invalid_request", "send the parameters as application/x-www-form-urlencoded")
	}
	if r.URL.RawQuery != "" {
		return nil, refuse("invalid_request", "send the parameters in the body, none in the URL")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, web.MaxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			p := problem.New(problem.TooLarge, "invalid_request")
			p.Description = "the body is larger than 64 KiB"
			return nil, p
		}
		return nil, problem.Wrap(problem.Invalid, "invalid_request", err)
	}
	return parseForm(string(body))
}

// parseForm reads parameters as a URL's query and a form's body spell them.
func parseForm(text string) (form, error) {
	if strings.Count(text, "&") >= maxParameters {
		return nil, refuse("invalid_request", "more than 100 parameters")
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, refuse("invalid_request", "the parameters are not well-formed")
	}
	f := form{}
	for name, all := range values {
		for _, v := range append(all, name) {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return nil, refuse("invalid_request", "a parameter is not UTF-8 text")
			}
		}
		if len(all) > 1 && !slices.Contains(repeated, name) {
			return nil, refuse("invalid_request", "a parameter was sent twice: "+known(name))
		}
		for _, v := range all {
			if v != "" && !slices.Contains(f[name], v) { // who names a resource twice means one
				f[name] = append(f[name], v)
			}
		}
	}
	return f, nil
}

// known is a parameter's name, where it looks like one: what a link says else is no sentence for our pages.
func known(name string) string {
	if len(name) > 40 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "one of no known name"
	}
	return name
}

// refuse is an error of RFC 6749 section 5.2; description says to a developer, in ASCII, what was wrong and what to do.
func refuse(code, description string) *problem.Error {
	kind := problem.Invalid
	if code == "invalid_client" {
		kind = problem.Unauthenticated
	}
	return &problem.Error{Kind: kind, Code: code, Description: description}
}
