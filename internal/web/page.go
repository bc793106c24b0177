package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/problem"
)

// pagePolicy lets a page have our stylesheet and its own forms, and nothing else: no script of any origin runs, and
// no other page frames it.
const pagePolicy = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

//go:embed page.css
var stylesheet []byte

//go:embed page.html
var shellText string

var shell = template.Must(template.New("shell").Parse(shellText))

// stylesheetPath names the content, so that a browser may keep it for ever.
var stylesheetPath = func() string {
	sum := sha256.Sum256(stylesheet)
	return "/assets/page-" + hex.EncodeToString(sum[:8]) + ".css"
}()

// Page is one page as a person sees it: the shell, and in it what a surface says.
type Page struct {
	Status int           // zero: 200
	Title  string        // in the caller's language; also the heading
	Body   template.HTML // what html/template made; it follows the heading
	// Next is where the browser goes by itself, at once; empty stays. A link to it is shown as well. It must be an address
	// that the caller trusts (a registered redirect URI): its scheme may be any but those that run what they hold.
	Next string
	// Wide is for pages that are read rather than filled in.
	Wide bool
}

// Page writes p with the headers that every page has. It needs no script, and allows none.
func (s *Web) Page(w http.ResponseWriter, r *http.Request, p Page) {
	if scheme, _, _ := strings.Cut(strings.ToLower(p.Next), ":"); scheme == "javascript" || scheme == "data" || scheme == "vbscript" {
		panic("web: Page.Next would run a script")
	}
	var out bytes.Buffer
	err := shell.Execute(&out, struct {
		Page
		Language, Stylesheet, GoOn string
		Link                       template.URL
	}{p, guard.Language(r), stylesheetPath, s.Sentence(r, "page_go_on", nil), template.URL(p.Next)})
	if err != nil {
		panic(err) // strings always render
	}
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Frame-Options", "DENY") // for browsers without frame-ancestors
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", guard.Language(r))
	h.Add("Vary", "Accept-Language")
	w.WriteHeader(max(p.Status, http.StatusOK))
	_, _ = w.Write(out.Bytes()) // the browser has gone: nobody is left to tell
}

// HandlePage adapts h for pages: errors become a page that says what was wrong in the caller's language.
func (s *Web) HandlePage(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.PageError(w, r, err)
		}
	})
}

// NoHead refuses HEAD, for a page whose GET changes something: HEAD would spend what its sender never sees.
func NoHead(h Handler) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Method == http.MethodHead {
			w.Header().Set("Allow", "GET, POST")
			e := problem.New(problem.MethodNotAllowed, "method_not_allowed")
			e.Params = map[string]string{"method": r.Method, "allow": "GET, POST"}
			return e
		}
		return h(w, r)
	}
}

var failureBody = template.Must(template.New("failure").Parse(`<p>{{.Sentence}}</p>
{{- with .Description}}<p class="quiet" lang="en">{{.}}</p>{{end}}
{{- with .RequestID}}<p class="quiet">Request ID: <code>{{.}}</code></p>{{end}}`))

// PageError answers err as a page: its sentence in the caller's language and, for developers, its Description.
func (s *Web) PageError(w http.ResponseWriter, r *http.Request, err error) {
	e := problem.From(err)
	s.Note(r, e)
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((e.RetryAfter+time.Second-1)/time.Second), 10))
	}
	data := struct{ Sentence, Description, RequestID string }{s.Explain(r, e), e.Description, ""}
	if e.Kind.Status() >= 500 {
		data.RequestID = RequestID(r.Context())
	}
	var body bytes.Buffer
	if err := failureBody.Execute(&body, data); err != nil {
		panic(err) // strings always render
	}
	s.Page(w, r, Page{
		Status: PageStatus(e.Kind), Title: s.Sentence(r, "page_failed", nil), Body: template.HTML(body.String()),
	})
}

// PageStatus is the status of a page that tells of a failure: that of its kind, but for 401, which would ask the browser for
// credentials of its own (RFC 9110 section 11.6.1).
func PageStatus(k problem.Kind) int {
	if k == problem.Unauthenticated {
		return http.StatusForbidden
	}
	return k.Status()
}

// Explain is the sentence of e in the caller's language.
func (s *Web) Explain(r *http.Request, e *problem.Error) string { return s.sentence(r, e) }

// PageRoutes mounts what all pages load: the stylesheet.
func (s *Web) PageRoutes(mux *http.ServeMux) {
	mux.Handle("GET /assets/{file}", s.HandlePage(func(w http.ResponseWriter, r *http.Request) error {
		file := r.PathValue("file")
		if !strings.HasPrefix(file, "page-") || !strings.HasSuffix(file, ".css") {
			return problem.New(problem.NotFound, "not_found")
		}
		h := w.Header()
		h.Set("Content-Type", "text/css; charset=utf-8")
		if r.URL.Path == stylesheetPath { // else it is another version's, asked for while nodes are being replaced
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		_, _ = w.Write(stylesheet)
		return nil
	}))
}
