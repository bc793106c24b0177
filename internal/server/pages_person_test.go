package server_test

import (
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/config"
)

// person is somebody with a browser, which sends what browsers send, follows what they follow, and runs no script.
type person struct {
	*running
	c        *http.Client
	language string
}

func (r *running) person(t testing.TB) *person {
	p := &person{running: &running{t: t, url: r.url, clock: r.clock, log: r.log}, c: plain(t)}
	p.c.Jar, _ = cookiejar.New(nil)
	p.c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return p
}

// seen is the page where a browser came to rest. Where a client's redirect URI was reached, away is that, and the page is empty.
type seen struct {
	answer
	path string
	away *url.URL
}

var refresh = regexp.MustCompile(`<meta http-equiv="refresh" content="0;url=([^"]*)">`)

// visit loads a page of ours by its path, or one of a client.
func (p *person) visit(path string, header ...string) seen {
	p.t.Helper()
	return p.follow(p.send("GET", path, "", header...), path)
}

func (p *person) send(method, path, body string, header ...string) answer {
	p.t.Helper()
	site := "none"
	if method == "POST" {
		site = "same-origin"
	}
	return p.call(p.c, method, path, "", body, append([]string{"Accept-Language", p.language, "Sec-Fetch-Site", site}, header...)...)
}

// follow goes where an answer leads, as long as that is ours.
func (p *person) follow(a answer, path string) seen {
	p.t.Helper()
	for range 10 {
		to := a.header.Get("Location")
		if m := refresh.FindStringSubmatch(a.raw); m != nil {
			to = html.UnescapeString(m[1])
		}
		if to == "" {
			return seen{answer: a, path: path}
		}
		if a.status != 200 && a.status != 303 {
			p.t.Fatalf("%s: redirected with %d", path, a.status)
		}
		u, err := url.Parse(to)
		if err != nil {
			p.t.Fatal(err)
		}
		if u.IsAbs() && !strings.HasPrefix(to, p.url+"/") {
			return seen{away: u}
		}
		path = u.RequestURI()
		a = p.send("GET", path, "")
	}
	p.t.Fatalf("redirected for ever, now to %s", path)
	return seen{}
}

var (
	forms  = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)">(.*?)</form>`)
	inputs = regexp.MustCompile(`<(input|button)( [^>]*)?>`)
	tags   = regexp.MustCompile(`<[^>]*>`)
	attr   = regexp.MustCompile(`([a-z_-]+)(?:="([^"]*)")?`)
)

// form is the n-th form of a page: where it goes, and what it sends unless it is changed. Of several buttons none is pressed.
func (s seen) form(t testing.TB, n int) (action string, fields url.Values) {
	t.Helper()
	all := forms.FindAllStringSubmatch(s.raw, -1)
	if n >= len(all) {
		t.Fatalf("%s has no form %d: %d %s", s.path, n, s.status, s.raw)
	}
	fields = url.Values{}
	for _, m := range inputs.FindAllStringSubmatch(all[n][2], -1) {
		a := map[string]string{}
		for _, kv := range attr.FindAllStringSubmatch(m[2], -1) {
			a[kv[1]] = html.UnescapeString(kv[2])
		}
		_, checked := a["checked"]
		_, disabled := a["disabled"]
		if m[1] == "button" || a["name"] == "" || disabled || a["type"] == "checkbox" && !checked {
			continue
		}
		fields.Add(a["name"], a["value"])
	}
	return all[n][1], fields
}

// fill sends the n-th form of a page with these fields set: name, value by turns. A value of "-" leaves the field out.
func (p *person) fill(s seen, n int, set ...string) seen {
	p.t.Helper()
	action, fields := s.form(p.t, n)
	for i := 0; i < len(set); i += 2 {
		fields.Set(set[i], set[i+1])
		if set[i+1] == "-" {
			fields.Del(set[i])
		}
	}
	return p.follow(p.send("POST", action, fields.Encode()), action)
}

// signIn signs in from wherever a sign-in page is shown.
func (p *person) signIn(s seen, username, password string, more ...string) seen {
	p.t.Helper()
	if !strings.HasPrefix(s.path, "/signin") {
		p.t.Fatalf("at %s: %d %s, want the sign-in page", s.path, s.status, s.raw)
	}
	return p.fill(s, 0, append([]string{"username", username, "password", password}, more...)...)
}

// at fails unless the page is the one at path and holds all the texts.
func (p *person) at(s seen, status int, path string, texts ...string) seen {
	p.t.Helper()
	if s.away != nil {
		p.t.Fatalf("sent to %s, want %s", s.away, path)
	}
	at, _, _ := strings.Cut(s.path, "?")
	if s.status != status || at != path {
		p.t.Fatalf("at %s with %d, want %s with %d: %s", at, s.status, path, status, s.raw)
	}
	for _, text := range texts {
		if !strings.Contains(html.UnescapeString(s.raw), text) && !strings.Contains(html.UnescapeString(tags.ReplaceAllString(s.raw, "")), text) {
			p.t.Fatalf("%s lacks %q: %s", path, text, s.raw)
		}
	}
	return s
}

// pagesConfig is a server with clients that need consent, in the demo.
func pagesConfig(c *config.Config) {
	c.OAuth.Scopes = []config.Scope{
		{Name: "orders", Description: "Read your orders", DescriptionID: "Membaca pesanan Anda", DescriptionZhHant: "讀取您的訂單"},
	}
	c.OAuth.Clients = []config.Client{
		{
			ID: "shop", Name: "Toko <Siti>", Auth: "none", RedirectURIs: []string{"https://shop.example/cb"},
			PostLogoutRedirectURIs: []string{"https://shop.example/bye"}, Scopes: []string{"openid", "profile", "orders", "offline_access"},
		},
		{ID: "tv", Name: "Televisi", Auth: "none", Grants: []string{"device_code", "refresh_token"}, Scopes: []string{"openid", "orders"}},
	}
}

// authorize is the path of an authorization request of the client shop.
func authorize(more ...string) string {
	q := url.Values{
		"client_id": {"shop"}, "redirect_uri": {"https://shop.example/cb"}, "response_type": {"code"}, "scope": {"openid profile orders"},
		"state": {"s1"}, "code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return "/oauth/authorize?" + q.Encode()
}

// redeem turns the code that a client got into the scope of its tokens.
func (p *person) redeem(away *url.URL) (scope []string) {
	p.t.Helper()
	if away == nil || away.Query().Get("code") == "" {
		p.t.Fatalf("sent to %v, want a code", away)
	}
	a := p.call(p.c, "POST", "/oauth/token", "", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {"shop"}, "redirect_uri": {"https://shop.example/cb"},
		"code": {away.Query().Get("code")}, "code_verifier": {"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
	}.Encode())
	if a.status != 200 {
		p.t.Fatalf("token: %d %s", a.status, a.raw)
	}
	scope = strings.Fields(a.str("scope"))
	slices.Sort(scope)
	return scope
}
