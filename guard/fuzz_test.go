package guard_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/guard"
)

// In fuzz inputs TOKEN stands for a token that passes, so that mutations reach
// what lies behind verification.
func placed(s, token string) string { return strings.ReplaceAll(s, "TOKEN", token) }

func FuzzAuthorization(f *testing.F) {
	for _, s := range []string{"Bearer TOKEN", "bearer  TOKEN ", "Bearer", "Bearer TOKEN, Bearer TOKEN", "Basic TOKEN", "Bearer\tTOKEN", "Bearer=TOKEN", "TOKEN"} {
		f.Add(s)
	}
	s := newSigner(f)
	g, token := s.guard(), s.access(nil)
	wanted := regexp.MustCompile(`^(?i:bearer) +` + regexp.QuoteMeta(token) + ` *$`)
	f.Fuzz(func(t *testing.T, header string) {
		header = placed(header, token)
		_, err := g.Check(withHeader(get(""), "Authorization", header))
		if (err == nil) != wanted.MatchString(header) {
			t.Errorf("Authorization %q: %v", header, err)
		}
	})
}

// Whoever is let in by cookie sent one of the name and, to change something,
// the value of its csrf claim.
func FuzzCookieCSRF(f *testing.F) {
	f.Add("POST", "__Host-sandi_access=TOKEN", "csrf-value")
	f.Add("GET", "a=b; __Host-sandi_access=\"TOKEN\"", "")
	f.Add("DELETE", "__Host-sandi_access=TOKEN; __Host-sandi_access=TOKEN", "csrf-value")
	f.Add("get", "__Host-sandi_access=TOKEN;", "csrf-valu")
	s := newSigner(f)
	g, token := s.guard(), s.access(nil)
	from := guard.From(guard.FromCookie())
	f.Fuzz(func(t *testing.T, method, cookie, csrf string) {
		r := withHeader(withHeader(get(""), "Cookie", placed(cookie, token)), "X-CSRF-TOKEN", csrf)
		r.Method = method
		_, err := g.Check(r, from)
		if err != nil {
			return
		}
		safe := slices.Contains([]string{"GET", "HEAD", "OPTIONS", "TRACE"}, method)
		found := r.CookiesNamed("__Host-sandi_access")
		if len(found) != 1 || found[0].Value != token || !safe && csrf != "csrf-value" {
			t.Errorf("%s with cookie %q and CSRF value %q was let in", method, cookie, csrf)
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"access_token=TOKEN", "a&access%5ftoken=TOKEN&b=%zz", "access_token=TOKEN&access_token=", "access_token=TOKEN;x", "access_token"} {
		f.Add(s)
	}
	s := newSigner(f)
	g, token := s.guard(), s.access(nil)
	from := guard.From(guard.InsecureFromQuery("access_token"))
	f.Fuzz(func(t *testing.T, query string) {
		query = placed(query, token)
		_, err := g.Check(withQuery(get(""), query), from)
		values, _ := url.ParseQuery(query)
		if got := values["access_token"]; err == nil && (len(got) != 1 || got[0] != token) {
			t.Errorf("query %q was let in with %q", query, got)
		}
	})
}

// Whoever is let in by body sent one token where any other reader finds it too,
// and the handler reads the body as it was sent.
func FuzzBody(f *testing.F) {
	f.Add(true, `{"access_token":"TOKEN"}`)
	f.Add(true, `{"a":[{}],"access\u005ftoken":"TOKEN","access_token":null}`)
	f.Add(true, `{"access_token":"TOKEN"} {}`)
	f.Add(false, `access_token=TOKEN&x=%zz;`)
	f.Add(false, `access_token=TOKEN&access_token=TOKEN`)
	s := newSigner(f)
	g, token := s.guard(), s.access(nil)
	from := guard.From(guard.InsecureFromBody("access_token"))
	f.Fuzz(func(t *testing.T, asJSON bool, body string) {
		body = placed(body, token)
		r := post(formType, body)
		if asJSON {
			r = post(jsonType, body)
		}
		_, err := g.Check(r, from)
		if got, readErr := io.ReadAll(r.Body); readErr != nil || string(got) != body {
			t.Errorf("handler reads %q, %v; sent %q", got, readErr, body)
		}
		if err != nil {
			return
		}
		if asJSON {
			var fields map[string]any
			if err := json.Unmarshal([]byte(body), &fields); err != nil || fields["access_token"] != token {
				t.Errorf("JSON %q was let in", body)
			}
		} else if values, _ := url.ParseQuery(body); !slices.Equal(values["access_token"], []string{token}) {
			t.Errorf("form %q was let in", body)
		}
	})
}

// The answer is a language that there is, and one that nobody speaks here
// changes nothing.
func FuzzAcceptLanguage(f *testing.F) {
	for _, s := range []string{"", "id", "zh-TW,zh;q=0.9,en;q=0.8", "*;q=0.1, en;q=0", "in;q=1.000", "en;q=,id;q=0.0001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		language := func(h string) string {
			return guard.Language(&http.Request{Header: http.Header{"Accept-Language": {h}}})
		}
		got := language(header)
		if !slices.Contains([]string{"en", "id", "zh-Hant"}, got) {
			t.Errorf("Language(%q) = %q", header, got)
		}
		if again := language("xx, " + header + ", yy;q=0.9"); again != got {
			t.Errorf("Language(%q) = %s, with others around it %s", header, got, again)
		}
	})
}
