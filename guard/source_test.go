package guard_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/guard"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

func withQuery(r *http.Request, query string) *http.Request {
	r.URL.RawQuery = query
	return r
}

func withCookie(r *http.Request, token string) *http.Request {
	r.AddCookie(&http.Cookie{Name: "__Host-sandi_access", Value: token})
	return r
}

func withHeader(r *http.Request, name string, values ...string) *http.Request {
	r.Header[http.CanonicalHeaderKey(name)] = values
	return r
}

func post(contentType, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/protected", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return r
}

var everywhere = []guard.Source{
	guard.FromCookie(), guard.InsecureFromBody("access_token"), guard.InsecureFromQuery("access_token"), guard.FromHeader(),
}

// checklist 10, 79, 80: one credential, in a place that is switched on; explicit
// beats ambient.
func TestSources(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	tok, cookie := s.access(nil), s.access(map[string]any{"sub": "cookie"})
	headerOnly := []guard.Source{guard.FromHeader()}
	const invalid, missing, bad = guard.InvalidRequest, guard.TokenMissing, guard.TokenInvalid
	tests := map[string]struct {
		sources []guard.Source
		request *http.Request
		subject string
		reason  guard.Reason
	}{
		"header":                    {headerOnly, get(tok), "user1", ""},
		"scheme in lower case":      {headerOnly, withHeader(get(""), "Authorization", "bearer "+tok), "user1", ""},
		"scheme in upper case":      {headerOnly, withHeader(get(""), "Authorization", "BEARER   "+tok), "user1", ""},
		"another scheme":            {headerOnly, withHeader(get(""), "Authorization", "Basic dTpw"), "", missing},
		"no scheme":                 {headerOnly, withHeader(get(""), "Authorization", tok), "", missing},
		"scheme alone":              {headerOnly, withHeader(get(""), "Authorization", "Bearer"), "", invalid},
		"scheme and space":          {headerOnly, withHeader(get(""), "Authorization", "Bearer "), "", invalid},
		"scheme and tab":            {headerOnly, withHeader(get(""), "Authorization", "Bearer\t"+tok), "", invalid},
		"scheme and colon":          {headerOnly, withHeader(get(""), "Authorization", "Bearer: "+tok), "", invalid},
		"two in one header":         {headerOnly, withHeader(get(""), "Authorization", "Bearer "+tok+", Bearer "+tok), "", invalid},
		"two headers":               {headerOnly, withHeader(get(""), "Authorization", "Bearer "+tok, "Bearer "+tok), "", invalid},
		"two headers, one Basic":    {headerOnly, withHeader(get(""), "Authorization", "Basic dTpw", "Bearer "+tok), "", invalid},
		"query, not switched on":    {headerOnly, withQuery(get(""), "access_token="+tok), "", missing},
		"query ignored by default":  {headerOnly, withQuery(get(tok), "access_token=x"), "user1", ""},
		"body, not switched on":     {headerOnly, post(formType, "access_token="+tok), "", missing},
		"cookie, not switched on":   {headerOnly, withCookie(get(""), cookie), "", missing},
		"query":                     {everywhere, withQuery(get(""), "a=1&access_token="+tok), "user1", ""},
		"query, key escaped":        {everywhere, withQuery(get(""), "access%5Ftoken="+tok), "user1", ""},
		"query, key in other case":  {everywhere, withQuery(get(""), "Access_Token="+tok), "", missing},
		"query twice":               {everywhere, withQuery(get(""), "access_token="+tok+"&access_token="+tok), "", invalid},
		"query twice, one escaped":  {everywhere, withQuery(get(""), "access_token="+tok+"&access%5ftoken=x"), "", invalid},
		"query, bad escape":         {everywhere, withQuery(get(""), "access_token=%zz"), "", invalid},
		"query, semicolon":          {everywhere, withQuery(get(""), "access_token="+tok+";a=1"), "", invalid},
		"query, bad escape beside":  {everywhere, withQuery(get(""), "x=%zz&%zz=1&access_token="+tok), "user1", ""},
		"query and header":          {everywhere, withQuery(get(tok), "access_token="+tok), "", invalid},
		"form":                      {everywhere, post(formType, "access_token="+tok), "user1", ""},
		"form with charset":         {everywhere, post(formType+"; charset=utf-8", "access_token="+tok), "user1", ""},
		"form twice":                {everywhere, post(formType, "access_token="+tok+"&access_token="+tok), "", invalid},
		"form and query":            {everywhere, withQuery(post(formType, "access_token="+tok), "access_token="+tok), "", invalid},
		"form and header":           {everywhere, withHeader(post(formType, "access_token="+tok), "Authorization", "Bearer "+tok), "", invalid},
		"form without it":           {everywhere, post(formType, "a=1"), "", missing},
		"JSON":                      {everywhere, post(jsonType, `{"a":{"access_token":"x"},"access_token":"`+tok+`"}`), "user1", ""},
		"JSON twice":                {everywhere, post(jsonType, `{"access_token":"`+tok+`","access_token":"`+tok+`"}`), "", invalid},
		"JSON twice, one escaped":   {everywhere, post(jsonType, `{"access_token":"`+tok+`","access\u005ftoken":"x"}`), "", invalid},
		"JSON, key in other case":   {everywhere, post(jsonType, `{"Access_Token":"`+tok+`"}`), "", missing},
		"JSON number":               {everywhere, post(jsonType, `{"access_token":1}`), "", invalid},
		"JSON null":                 {everywhere, post(jsonType, `{"access_token":null}`), "", invalid},
		"JSON array":                {everywhere, post(jsonType, `["access_token"]`), "", missing},
		"JSON empty":                {everywhere, post(jsonType, ``), "", missing},
		"JSON cut off":              {everywhere, post(jsonType, `{"access_token":"`+tok+`"`), "", invalid},
		"JSON, two values":          {everywhere, post(jsonType, `{"access_token":"`+tok+`"}{}`), "", invalid},
		"JSON malformed":            {everywhere, post(jsonType, `{access_token}`), "", invalid},
		"other content type":        {everywhere, post("text/plain", "access_token="+tok), "", missing},
		"body of a GET":             {everywhere, getWithBody(formType, "access_token="+tok), "", missing},
		"cookie":                    {everywhere, withCookie(get(""), cookie), "cookie", ""},
		"cookie twice":              {everywhere, withCookie(withCookie(get(""), cookie), cookie), "", invalid},
		"cookie of another name":    {everywhere, withHeader(get(""), "Cookie", "jwt="+cookie), "", missing},
		"header beats cookie":       {everywhere, withCookie(get(tok), cookie), "user1", ""},
		"bad header, good cookie":   {everywhere, withCookie(get("garbage"), cookie), "", bad},
		"bad query, good cookie":    {everywhere, withCookie(withQuery(get(""), "access_token=x"), cookie), "", bad},
		"empty query, good cookie":  {everywhere, withCookie(withQuery(get(""), "access_token"), cookie), "", bad},
		"empty header, good cookie": {everywhere, withCookie(withHeader(get(""), "Authorization", "Bearer "), cookie), "", invalid},
		"Basic beside cookie":       {everywhere, withCookie(withHeader(get(""), "Authorization", "Basic dTpw"), cookie), "cookie", ""},
	}
	g := s.guard()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := g.Check(tt.request, guard.From(tt.sources...))
			if tt.reason != "" {
				if !errors.Is(err, tt.reason) || got != nil {
					t.Errorf("got %v, %v; want %s", got.Subject(), err, tt.reason)
				}
				return
			}
			if err != nil || got.Subject() != tt.subject {
				t.Errorf("got %q, %v; want %q", got.Subject(), err, tt.subject)
			}
		})
	}
}

func getWithBody(contentType, body string) *http.Request {
	r := post(contentType, body)
	r.Method = http.MethodGet
	return r
}

func TestSeveralKeys(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	from := guard.From(guard.InsecureFromQuery("token"), guard.InsecureFromQuery("access_token"),
		guard.InsecureFromBody("token"), guard.InsecureFromBody("access_token"))
	tok := s.access(nil)
	if _, err := s.guard().Check(withQuery(get(""), "token="+tok), from); err != nil {
		t.Errorf("token: %v", err)
	}
	if _, err := s.guard().Check(post(formType, "access_token="+tok), from); err != nil {
		t.Errorf("access_token: %v", err)
	}
	if _, err := s.guard().Check(withQuery(get(""), "token="+tok+"&access_token="+tok), from); !errors.Is(err, guard.InvalidRequest) {
		t.Errorf("both: %v, want invalid_request", err)
	}
}

// secure-defaults 14a: at most 64 KiB are searched, and the handler can read the
// body whatever came of it.
func TestBodyStaysReadable(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	tok := s.access(nil)
	pad := func(n int) string {
		return "access_token=" + tok + "&p=" + strings.Repeat("x", n-len(tok)-len("access_token=&p="))
	}
	tests := map[string]struct {
		body   string
		status int // 0: let in
	}{
		"small":         {"access_token=" + tok, 0},
		"without token": {"a=1", http.StatusUnauthorized},
		"64 KiB":        {pad(64 << 10), 0},
		"over 64 KiB":   {pad(64<<10 + 1), http.StatusRequestEntityTooLarge},
	}
	for name, tt := range tests {
		for _, chunked := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := post(formType, tt.body)
				if chunked {
					r.ContentLength = -1
				}
				_, err := s.guard().Check(r, guard.From(guard.InsecureFromBody("access_token")))
				status := 0
				if e, ok := errors.AsType[*guard.Error](err); ok {
					status = e.Status()
				}
				if status != tt.status {
					t.Errorf("got %d (%v), want %d", status, err, tt.status)
				}
				if got, err := io.ReadAll(r.Body); err != nil || string(got) != tt.body {
					t.Errorf("handler read %d bytes, %v; want %d", len(got), err, len(tt.body))
				}
			})
		}
	}
}

func TestBodyThatFails(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	r := post(formType, "")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("access_token="+s.access(nil)), errReader{}))
	r.ContentLength = -1
	if _, err := s.guard().Check(r, guard.From(guard.InsecureFromBody("access_token"))); !errors.Is(err, guard.InvalidRequest) {
		t.Errorf("got %v, want invalid_request", err)
	}
	r = post(formType, strings.Repeat("x", 100))
	r.Body = http.MaxBytesReader(nil, r.Body, 10)
	h := s.guard().Require(guard.From(guard.InsecureFromBody("access_token")))(greet)
	if a := serve(t, h, r); a.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("limit of the server: got %d, want 413", a.Status)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// secure-defaults 16b: the query with its token shows up in no answer and no
// error; checklist 10: what it fetched is private.
func TestTokenIsNotShown(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	const secret = "c2VjcmV0LXRva2Vu"
	for _, token := range []string{secret, secret + "." + secret + "." + secret, s.access(map[string]any{"aud": "x"}) + secret} {
		for _, r := range []*http.Request{
			get(token),
			withQuery(get(""), "access_token="+token),
			withQuery(get(""), "access_token="+token+"&access_token="+token),
			withQuery(get(""), "access_token="+token+"%zz"),
			withCookie(get(""), token),
			post(formType, "access_token="+token+";"),
			post(jsonType, `{"access_token":["`+token+`"]}`),
			post(jsonType, `{"access_token":"`+token+`"`),
		} {
			var cause error
			h := s.guard().Require(guard.From(everywhere...), guard.OnError(func(w http.ResponseWriter, r *http.Request, e *guard.Error) {
				cause = e
				guard.WriteError(w, r, e)
			}))(greet)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			var all bytes.Buffer
			w.Result().Header.Write(&all)
			all.WriteString(w.Body.String() + cause.Error())
			if strings.Contains(all.String(), secret) {
				t.Errorf("token shown in %s", all.String())
			}
		}
	}
	h := s.guard().Require(guard.From(everywhere...))(greet)
	a := serve(t, h, withQuery(get(""), "access_token="+s.access(nil)))
	if got := a.Header.Get("Cache-Control"); a.Status != http.StatusOK || got != "private" {
		t.Errorf("got %d, Cache-Control %q; want 200, private", a.Status, got)
	}
	if got := a.Header.Get("Vary"); got != "Cookie" {
		t.Errorf("Vary %q, want Cookie", got)
	}
}

// Refresh tokens can be looked for in other places than access tokens; From outranks both.
func TestRefreshSources(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	g := s.guard(func(c *guard.Config) { c.RefreshSources = []guard.Source{guard.InsecureFromBody("refresh_token")} })
	refresh := s.sign("refresh+jwt", map[string]any{"type": "refresh"})
	form := func() *http.Request { return post(formType, "refresh_token="+refresh) }
	tests := map[string]struct {
		request *http.Request
		reqs    []guard.Requirement
		ok      bool
	}{
		"access in the header":         {get(s.access(nil)), nil, true},
		"refresh in the body":          {form(), []guard.Requirement{guard.Refresh()}, true},
		"refresh in the header":        {get(refresh), []guard.Requirement{guard.Refresh()}, false},
		"From before":                  {get(refresh), []guard.Requirement{guard.From(guard.FromHeader()), guard.Refresh()}, true},
		"From after":                   {get(refresh), []guard.Requirement{guard.Refresh(), guard.From(guard.FromHeader())}, true},
		"From, refresh in the body":    {form(), []guard.Requirement{guard.Refresh(), guard.From(guard.FromHeader())}, false},
		"access where the refresh was": {post(formType, "refresh_token="+s.access(nil)), nil, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := g.Check(tt.request, tt.reqs...); (err == nil) != tt.ok || err != nil && !errors.Is(err, guard.TokenMissing) {
				t.Errorf("got %v, want ok %v", err, tt.ok)
			}
		})
	}
	c := s.config()
	c.RefreshSources = []guard.Source{{}}
	if _, err := guard.New(c); err == nil {
		t.Error("an empty source was taken")
	}
}
