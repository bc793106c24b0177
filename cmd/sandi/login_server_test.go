package main

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// visitor is a browser without scripts at a server's pages, signed in as the demo's user1 when it is asked to.
type visitor struct {
	t    *testing.T
	c    *http.Client
	base string
}

var (
	formOf  = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)">(.*?)</form>`)
	fieldOf = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
	goOn    = regexp.MustCompile(`<meta http-equiv="refresh" content="0;url=([^"]*)">`)
)

func newVisitor(t *testing.T, base string) *visitor {
	jar, _ := cookiejar.New(nil)
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &visitor{t, &http.Client{Jar: jar, Transport: tr, Timeout: 20 * time.Second}, base}
}

// open loads a page, and goes on where it says so by itself.
func (v *visitor) open(to string) string {
	res, err := v.c.Get(to)
	return v.read(res, err)
}

// submit sends the form of a page with its hidden fields and these.
func (v *visitor) submit(page string, fields ...string) string {
	m := formOf.FindStringSubmatch(page)
	if m == nil {
		v.t.Errorf("no form in %s", page)
		return ""
	}
	form := url.Values{}
	for _, f := range fieldOf.FindAllStringSubmatch(m[2], -1) {
		form.Set(f[1], html.UnescapeString(f[2]))
	}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	res, err := v.c.PostForm(v.base+html.UnescapeString(m[1]), form)
	return v.read(res, err)
}

func (v *visitor) read(res *http.Response, err error) string {
	if err != nil {
		v.t.Error(err)
		return ""
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || res.Body.Close() != nil {
		v.t.Error(err)
	}
	if m := goOn.FindStringSubmatch(string(body)); m != nil {
		to, err := res.Request.URL.Parse(html.UnescapeString(m[1]))
		if err != nil {
			v.t.Error(err)
			return ""
		}
		return v.open(to.String())
	}
	return string(body)
}

// sandi login at a server of ours, by browser and by device; the token is good there, is refreshed, and no longer counts when it is forgotten.
// checklist 6, 70
func TestLoginAtServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, nil, "demo", "--addr", "127.0.0.1:0", "--dir", dir)
	defer s.stop()
	code, _, stderr := sandi(t, "", "client", "add", "shell", "--data", dir, "--public", "--native", "--redirect", "http://127.0.0.1/callback",
		"--grant", "authorization_code", "--grant", "refresh_token", "--grant", "device_code", "--scope", "openid")
	if code != exitOK {
		t.Fatal(stderr)
	}
	meta, err := discover(t.Context(), s.url)
	if err != nil {
		t.Fatal(err)
	}
	newFlow := func() (*signInFlow, *strings.Builder) {
		var said strings.Builder
		return &signInFlow{
			server: meta, clientID: "shell", scopes: []string{"openid"}, now: time.Now,
			say:  func(text string) { said.WriteString(text) },
			wait: func(context.Context, time.Duration) error { return nil },
		}, &said
	}
	t.Run("browser", func(t *testing.T) {
		f, _ := newFlow()
		f.open = func(to string) error {
			go func() {
				v := newVisitor(t, s.url)
				page := v.submit(v.open(to), "username", "user1", "password", "password1")
				if page = v.submit(page, "decision", "allow", "scope", "openid"); !strings.Contains(page, "You may close this page") {
					t.Errorf("the browser ends at %s", page)
				}
			}()
			return nil
		}
		in, err := f.byBrowser(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		useAndForget(t, s.url, in)
	})
	t.Run("device", func(t *testing.T) {
		f, said := newFlow()
		f.wait = func(context.Context, time.Duration) error {
			v := newVisitor(t, s.url)
			to := regexp.MustCompile(`http\S+user_code=\S+`).FindString(said.String())
			page := v.submit(v.open(to), "username", "user1", "password", "password1")
			page = v.submit(page, "user_code", strings.ToLower(to[strings.LastIndex(to, "=")+1:]))
			v.submit(page, "decision", "allow")
			return nil
		}
		in, err := f.byDevice(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		useAndForget(t, s.url, in)
	})
}

// useAndForget keeps a sign-in, has it refreshed, and forgets it.
func useAndForget(t *testing.T, base string, in signIn) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "login.json")
	in.ExpiresAt = time.Now() // as if it were about to
	if err := in.write(file); err != nil {
		t.Fatal(err)
	}
	code, token, stderr := sandi(t, "", "login", "--token", "--out", file)
	if token = strings.TrimSpace(token); code != exitOK || token == in.Access {
		t.Fatalf("exit code %d, refreshed %v: %s", code, token != in.Access, stderr)
	}
	userInfo := func() int {
		r, err := http.NewRequestWithContext(t.Context(), "GET", base+"/oauth/userinfo", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	if got := userInfo(); got != 200 {
		t.Errorf("userinfo: %d", got)
	}
	if code, _, stderr := sandi(t, "", "login", "--forget", "--out", file); code != exitOK {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if got := userInfo(); got != 401 {
		t.Errorf("userinfo after --forget: %d", got)
	}
}
