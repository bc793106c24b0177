package interop_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

const nginxBinary = "/usr/sbin/nginx"

// guideFiles are the files that a guide prints: blocks whose first line is a comment with their path.
func guideFiles(t *testing.T, guide string) map[string]string {
	t.Helper()
	text := must(os.ReadFile(filepath.Join("..", "..", "docs", "guides", guide)))
	files := map[string]string{}
	for _, block := range regexp.MustCompile("(?s)```nginx\n# (/[^\n]+)\n(.*?)```").FindAllSubmatch(text, -1) {
		files[string(block[1])] = string(block[2])
	}
	return files
}

// startNginx runs Debian's nginx with the guide's files, in which nothing but addresses is another, and returns its URL.
func startNginx(t *testing.T, p *provider, upstream string, pair []byte) string {
	t.Helper()
	dir, at := publicDir(t), freeAddress(t)
	pem := filepath.Join(dir, "shop.pem")
	files := guideFiles(t, "nginx.md")
	changes := map[string]string{
		"Host id.example.com;": "Host " + strings.TrimPrefix(p.url, "http://") + ";", "127.0.0.1:8080": strings.TrimPrefix(p.url, "http://"),
		"127.0.0.1:3000": strings.TrimPrefix(upstream, "http://"), "listen 443 ssl": "listen " + at + " ssl", "/etc/ssl/shop.pem": pem,
	}
	for path, text := range files {
		for from, to := range changes {
			text = strings.ReplaceAll(text, from, to)
		}
		files[path] = text
	}
	site, ask, identity := files["/etc/nginx/conf.d/shop.conf"], files["/etc/nginx/sandi/ask.conf"], files["/etc/nginx/sandi/identity.conf"]
	for _, part := range []struct{ in, has string }{{site, at}, {site, pem}, {ask, "Host 127.0.0.1:"}, {identity, "Sandi-Identity"}} {
		if !strings.Contains(part.in, part.has) {
			t.Fatalf("the guide's files have changed: no %s in\n%s", part.has, part.in)
		}
	}
	around := "daemon off;\nmaster_process off;\npid " + dir + "/pid;\nerror_log " + dir + "/error.log;\nevents {}\nhttp {\naccess_log off;\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		around += kind + "_temp_path " + dir + "/" + kind + ";\n"
	}
	for name, text := range map[string]string{"sandi/ask.conf": ask, "sandi/identity.conf": identity, "shop.pem": string(pair), "nginx.conf": around + site + "}\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	k := keep(t, os.Environ(), &out, nginxBinary, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", filepath.Join(dir, "error.log"))
	if !within(20*time.Second, func() bool {
		res, err := insecure(t).Get("https://" + at + "/")
		if err == nil {
			_ = res.Body.Close()
		}
		return err == nil || k.gone()
	}) || k.gone() {
		told, _ := os.ReadFile(filepath.Join(dir, "error.log"))
		_ = k.stop()
		t.Fatalf("nginx does not answer:\n%s\n%s", &out, told)
	}
	t.Cleanup(func() {
		if t.Failed() {
			told, _ := os.ReadFile(filepath.Join(dir, "error.log"))
			t.Logf("nginx:\n%s", told)
		}
	})
	return "https://" + at
}

// insecure is a client of whatever certificate, to see that somebody is there.
func insecure(t *testing.T) *http.Client {
	c := newAuthority().client(t)
	c.Transport.(*http.Transport).TLSClientConfig.InsecureSkipVerify = true
	return c
}

// shop is the site behind nginx, as a browser or a program sees it.
type shop struct {
	t    *testing.T
	url  string
	http *http.Client
}

// seen is what the server behind got.
type seen struct {
	status  int
	header  http.Header // of nginx's answer
	Headers http.Header // of the request, as it came to the server behind
	Method  string
	Body    string
}

func (s shop) ask(method, path, body string, headers ...string) seen {
	s.t.Helper()
	r := must(http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body)))
	for i := 0; i < len(headers); i += 2 {
		r.Header[headers[i]] = append(r.Header[headers[i]], headers[i+1]) // spelt as it stands
	}
	res, err := s.http.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	got := seen{status: res.StatusCode, header: res.Header}
	if res.StatusCode == http.StatusOK {
		if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
			s.t.Fatal(err)
		}
	}
	return got
}

// echo answers with what it was sent.
func echo(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_ = json.NewEncoder(w).Encode(map[string]any{"Headers": r.Header, "Method": r.Method, "Body": string(body)})
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// login is a session of the first-party API: its access token, and the CSRF value where it travels in cookies.
func (p *provider) login(user, transport string) (access, csrf string) {
	body := must(json.Marshal(map[string]string{"username": user, "password": passwordOf(user)}))
	res := must(http.Post(p.url+"/api/auth/login?transport="+transport, "application/json", bytes.NewReader(body)))
	defer res.Body.Close()
	var answer struct {
		Access string `json:"access_token"`
	}
	_ = json.NewDecoder(res.Body).Decode(&answer)
	for _, c := range res.Cookies() {
		switch c.Name {
		case "sandi_access":
			answer.Access = c.Value
		case "sandi_csrf":
			csrf = c.Value
		}
	}
	if answer.Access == "" {
		p.t.Fatalf("login of %s: %s", user, res.Status)
	}
	return answer.Access, csrf
}

// The configuration of docs/guides/nginx.md, in Debian's nginx, before a real Sandi. secure-defaults 9g, 20a, 20e, 23a; ASVS 4.1.3
func TestNginx(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(nginxBinary); err != nil {
		missing(t, "Debian's package nginx-light")
	}
	p := newProvider(t)
	p.serve(buildSandi(t), nil, section{"listen": section{"addr": strings.TrimPrefix(p.url, "http://")}, "gateway": section{"forward_auth": true}})
	p.register("siti")
	a := newAuthority()
	own := a.issue("127.0.0.1")
	pair := append(pemOf("CERTIFICATE", own.Certificate[0]), pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(own.PrivateKey)))...)
	s := shop{t, startNginx(t, p, echo(t), pair), a.client(t)}
	access, _ := p.login("siti", "bearer")
	bearer := []string{"Authorization", "Bearer " + access}

	if got := s.ask("GET", "/", ""); got.status != 401 || !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
		t.Errorf("anonymous: %d, challenge %q", got.status, got.header.Get("WWW-Authenticate"))
	}
	got := s.ask("POST", "/orders?a=b", "body", append(bearer, forged...)...)
	if got.status != 200 || got.Headers.Get("Sandi-Subject") != "siti" || got.Headers.Get("Sandi-Client") == "" || got.Headers.Get("Authorization") != "" || got.Method != "POST" || got.Body != "body" {
		t.Errorf("good token: %+v", got)
	}
	checkForged(t, got)
	p.checkIdentity(got.Headers.Get("Sandi-Identity"))
	if got := s.ask("GET", "/reports/1", "", bearer...); got.status != 403 {
		t.Errorf("without the role: %d", got.status)
	}
	if got := s.ask("GET", "/", "", "Authorization", "Bearer a b"); got.status != 401 {
		t.Errorf("malformed: %d", got.status)
	}
	s.optional(p)
	s.cookies(p)

	logout := must(http.NewRequest("DELETE", p.url+"/api/auth/logout", http.NoBody))
	logout.Header.Set("Authorization", bearer[1])
	_ = must(http.DefaultClient.Do(logout)).Body.Close()
	if !within(20*time.Second, func() bool { return s.ask("GET", "/", "", bearer...).status == 401 }) {
		t.Error("a revoked token still passes")
	}
}

// forged are identity headers as a client may spell them.
var forged = []string{
	"Sandi-Subject", "root", "sandi-subject", "root", "SANDI-ROLES", "admin", "Sandi_Subject", "root", "Sandi-Identity", "forged", "sandi.subject", "root",
	"Sandi-Acr", "root", "Sandi-Session", "root", "X-Original-Method", "GET", "X-Forwarded-For", "192.0.2.66",
}

func checkForged(t *testing.T, got seen) {
	t.Helper()
	for name, values := range got.Headers {
		for _, v := range values {
			if v == "root" || v == "admin" || v == "forged" || v == "192.0.2.66" {
				t.Errorf("the client's own %s: %s came through", name, v)
			}
		}
	}
}

// optional: nobody passes as nobody.
func (s shop) optional(p *provider) {
	s.t.Helper()
	got := s.ask("GET", "/welcome", "", forged...)
	if got.status != 200 || got.Headers.Get("Sandi-Subject") != "" || got.Headers.Get("Sandi-Identity") != "" {
		s.t.Errorf("anonymous, optional: %+v", got)
	}
	checkForged(s.t, got)
	if got := s.ask("GET", "/welcome", "", "Authorization", "Bearer x"); got.status != 401 {
		s.t.Errorf("bad token, optional: %d", got.status)
	}
	access, _ := p.login("siti", "bearer")
	if got := s.ask("GET", "/welcome", "", "Authorization", "Bearer "+access); got.Headers.Get("Sandi-Subject") != "siti" {
		s.t.Errorf("good token, optional: %+v", got)
	}
}

// cookies: what changes something needs the CSRF value, a WebSocket its page.
func (s shop) cookies(p *provider) {
	s.t.Helper()
	access, csrf := p.login("siti", "cookie")
	cookie := []string{"Cookie", "sandi_access=" + access}
	handshake := append([]string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}, cookie...)
	for _, tt := range []struct {
		name, method string
		headers      []string
		status       int
	}{
		{"read", "GET", cookie, 200},
		{"change", "POST", cookie, 403},
		{"change that says it reads", "POST", append([]string{"X-Original-Method", "GET", "X-Forwarded-Method", "GET"}, cookie...), 403},
		{"change with the value", "POST", append([]string{"X-Csrf-Token", csrf}, cookie...), 200},
		{"socket of the site", "GET", append([]string{"Origin", s.url}, handshake...), 200}, // the server behind speaks none
		{"socket of another page", "GET", append([]string{"Origin", "https://evil.example"}, handshake...), 403},
	} {
		if got := s.ask(tt.method, "/", "", tt.headers...); got.status != tt.status {
			s.t.Errorf("cookie, %s: %d, want %d", tt.name, got.status, tt.status)
		}
	}
}

// checkIdentity verifies an identity token as a server behind does.
func (p *provider) checkIdentity(token string) {
	p.t.Helper()
	res := must(http.Get(p.url + "/.well-known/jwks.json"))
	defer res.Body.Close()
	keys := must(jwt.ParseKeySet(must(io.ReadAll(res.Body))))
	v := must(jwt.NewVerifier(jwt.Config{Keys: keys, Issuer: p.url, Audience: []string{p.url}, Types: []string{"identity+jwt"}}))
	if claims, err := v.Verify(p.t.Context(), token); err != nil || claims.Subject() != "siti" {
		p.t.Errorf("identity: %v of %v", err, claims)
	}
}
