package guard_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/guard"
)

func reasons() []guard.Reason {
	return []guard.Reason{
		guard.TokenMissing, guard.TokenInvalid, guard.TokenExpired, guard.TokenNotYetValid, guard.TokenRevoked,
		guard.TokenWrongType, guard.TokenNotFresh, guard.CSRFFailed, guard.Forbidden, guard.InvalidRequest, guard.Unavailable,
		guard.StepUp, guard.ProofInvalid, guard.ProofNonce,
	}
}

func TestLanguage(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		header []string
		want   string
	}{
		"none":                    {nil, "en"},
		"empty":                   {[]string{""}, "en"},
		"Indonesian":              {[]string{"id"}, "id"},
		"old code of Indonesian":  {[]string{"in-ID"}, "id"},
		"case":                    {[]string{"ID-id"}, "id"},
		"Taiwan":                  {[]string{"zh-TW"}, "zh-Hant"},
		"Simplified":              {[]string{"zh-Hans-CN, en;q=0.5"}, "zh-Hant"},
		"browser":                 {[]string{"id-ID,id;q=0.9,en-US;q=0.8,en;q=0.7"}, "id"},
		"lower first":             {[]string{"en;q=0.2, zh;q=0.8"}, "zh-Hant"},
		"first of equals":         {[]string{"zh, id"}, "zh-Hant"},
		"first of equals, other":  {[]string{"id, zh, en"}, "id"},
		"best range of language":  {[]string{"en;q=0.1, id;q=0.5, en-US;q=0.9"}, "en"},
		"unknown":                 {[]string{"fr, de;q=0.9"}, "en"},
		"unknown before":          {[]string{"fr, id;q=0.1"}, "id"},
		"excluded":                {[]string{"en;q=0, id;q=0.1"}, "id"},
		"all excluded":            {[]string{"en;q=0, *;q=0"}, "en"},
		"star":                    {[]string{"*"}, "en"},
		"star for the unnamed":    {[]string{"en;q=0.1, *"}, "id"},
		"star below":              {[]string{"zh, *;q=0.1"}, "zh-Hant"},
		"star does not undo q=0":  {[]string{"*, en;q=0"}, "id"},
		"two lines":               {[]string{"fr", "zh"}, "zh-Hant"},
		"spaces":                  {[]string{" en ; q=0.5 ,  id ; q=0.6 "}, "id"},
		"upper case q":            {[]string{"en;Q=0.5, id;Q=0.6"}, "id"},
		"three digits":            {[]string{"en;q=0.998, id;q=0.999"}, "id"},
		"one with zeros":          {[]string{"en;q=0.999, id;q=1.000"}, "id"},
		"quality above 1 ignored": {[]string{"id;q=1.1, zh;q=0.1"}, "zh-Hant"},
		"quality no number":       {[]string{"id;q=NaN, zh;q=0.1"}, "zh-Hant"},
		"four digits ignored":     {[]string{"id;q=0.9999, zh;q=0.1"}, "zh-Hant"},
		"other parameter ignored": {[]string{"id;level=1, zh;q=0.1"}, "zh-Hant"},
		"not a prefix":            {[]string{"idx, zho"}, "en"},
		"the 32nd":                {[]string{strings.Repeat("fr,", 31) + "id"}, "id"},
		"one too many":            {[]string{strings.Repeat("fr,", 32) + "id"}, "en"},
		"one too many, in lines":  {append(slices.Repeat([]string{"fr"}, 32), "id"), "en"},
		"beyond a KiB":            {[]string{strings.Repeat("f", 1<<10) + ", id", "zh"}, "zh-Hant"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := get("")
			r.Header["Accept-Language"] = tt.header
			if got := guard.Language(r); got != tt.want {
				t.Errorf("Language(%q) = %s, want %s", tt.header, got, tt.want)
			}
		})
	}
}

// Each reason has its own sentence in each language; the English one can stand
// in error_description (RFC 6750 section 3).
func TestSentences(t *testing.T) {
	t.Parallel()
	seen := map[string]guard.Reason{}
	for _, reason := range reasons() {
		e := &guard.Error{Reason: reason}
		for _, lang := range []string{"en", "id", "zh-Hant"} {
			s := e.Message(lang)
			if other, dup := seen[s]; dup || s == "" {
				t.Errorf("%s in %s: %q, also of %s", reason, lang, s, other)
			}
			seen[s] = reason
		}
		if s := e.Message("en"); strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) {
			t.Errorf("%s: %q cannot stand in a challenge", reason, s)
		}
		if e.Message("fr") != e.Message("en") {
			t.Errorf("%s: want English for an unknown language", reason)
		}
	}
}

func TestWriteError(t *testing.T) {
	t.Parallel()
	statuses := map[guard.Reason]int{
		guard.CSRFFailed: 403, guard.Forbidden: 403, guard.InvalidRequest: 400, guard.Unavailable: 503, "own": 403,
	}
	for _, reason := range append(reasons(), "own") {
		w := httptest.NewRecorder()
		r := withHeader(get(""), "Accept-Language", "id")
		e := &guard.Error{Reason: reason, Cause: errors.New("only for the log"), Realm: "a\"b\r\n\\c", Scope: []string{"x\"y"}}
		guard.WriteError(w, r, e)
		want := statuses[reason]
		if want == 0 {
			want = http.StatusUnauthorized
		}
		h := w.Header()
		if w.Code != want {
			t.Errorf("%s: status %d, want %d", reason, w.Code, want)
		}
		if h.Get("Cache-Control") != "no-store" || h.Get("Vary") != "Accept-Language" || h.Get("Content-Language") != "id" ||
			h.Get("Content-Type") != "application/json; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", reason, h)
		}
		if c := h.Get("WWW-Authenticate"); c != "" && !strings.HasPrefix(c, `Bearer realm="abc"`) || strings.Contains(c, `x"y`) {
			t.Errorf("%s: challenge %q", reason, c)
		}
		if (h.Get("Retry-After") != "") != (reason == guard.Unavailable) {
			t.Errorf("%s: Retry-After %q", reason, h.Get("Retry-After"))
		}
		if body := w.Body.String(); !strings.Contains(body, `"error":"`+string(reason)+`"`) || strings.Contains(body, "only for the log") {
			t.Errorf("%s: body %s", reason, body)
		}
	}
}

func TestErrorWriters(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	teapot := func(w http.ResponseWriter, _ *http.Request, _ *guard.Error) { w.WriteHeader(http.StatusTeapot) }
	g := s.guard(func(c *guard.Config) {
		c.OnError = guard.ErrorWriters{guard.TokenInvalid: teapot, guard.TokenMissing: nil}.Write
	})
	if a := serve(t, g.Require()(greet), get("garbage")); a.Status != http.StatusTeapot {
		t.Errorf("own writer: %d", a.Status)
	}
	if a := serve(t, g.Require()(greet), get("")); a.Status != http.StatusUnauthorized || a.Reason != "token_missing" {
		t.Errorf("default writer: %d %s", a.Status, a.Reason)
	}
	if a := serve(t, g.Require(guard.OnError(guard.WriteError))(greet), get("garbage")); a.Reason != "token_invalid" {
		t.Errorf("writer of the route: %d %s", a.Status, a.Reason)
	}
}

func TestErrorIsItsReasonAndCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	var err error = &guard.Error{Reason: guard.Forbidden, Cause: cause}
	if !errors.Is(err, guard.Forbidden) || !errors.Is(err, cause) || errors.Is(err, guard.TokenExpired) {
		t.Errorf("errors.Is does not find reason and cause of %v", err)
	}
	if got, want := err.Error(), "guard: forbidden: cause"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
