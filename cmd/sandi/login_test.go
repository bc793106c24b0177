package main

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The answer counts only with our state, and from the server that was asked (RFC 9207 section 2.4).
func TestLoginByBrowser(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(url.Values)
		want   string // of the error
	}{
		{"signed in", nil, ""},
		{"another issuer", func(q url.Values) { q.Set("iss", "https://evil.example") }, "another server"},
		{"no issuer", func(q url.Values) { q.Del("iss") }, "another server"},
		{"refused", func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }, "access_denied"},
		{"nothing", func(q url.Values) { q.Del("code") }, "no code"},
		{"another's code", func(q url.Values) { q.Set("code", "stolen") }, "invalid_grant"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newAuthority(t)
			f, said, _ := s.flow(t)
			f.open = func(to string) error {
				go s.visit(t, s.started(t, to), func(q url.Values) {
					if tt.change != nil {
						tt.change(q)
					}
				})
				return nil
			}
			in, err := f.byBrowser(t.Context())
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
				return
			}
			if err != nil || in.Access != "access-1" || in.Refresh != "refresh-1" || in.Scope != "orders" || in.ExpiresAt.IsZero() {
				t.Errorf("got %v %v", in.Scope, err)
			}
			if form := s.last(); form.Get("client_id") != "shell" || !strings.HasPrefix(form.Get("redirect_uri"), "http://127.0.0.1:") {
				t.Errorf("redeemed with %v", form)
			}
			if !strings.Contains(said.String(), s.url+"/authorize?") {
				t.Errorf("said %q", said)
			}
		})
	}
}

// A page of a stranger that guesses the port ends nothing.
func TestLoginCallbackIsNotDisturbed(t *testing.T) {
	t.Parallel()
	s := newAuthority(t)
	f, _, _ := s.flow(t)
	f.open = func(to string) error {
		go func() {
			to = s.started(t, to)
			u, _ := url.Parse(to)
			redirect := u.Query().Get("redirect_uri")
			rebound, _ := http.NewRequest("GET", redirect+"?code=x&state="+u.Query().Get("state"), nil)
			rebound.Host = "evil.example"
			posted, _ := http.NewRequest("POST", redirect+"?code=x&state="+u.Query().Get("state"), nil)
			wrong, _ := http.NewRequest("GET", redirect+"?code=x&state=guessed", nil)
			for want, r := range map[int]*http.Request{404: rebound, 400: wrong} {
				s.status(t, r, want)
			}
			s.status(t, posted, 404)
			s.visit(t, to, nil)
		}()
		return errors.New("no browser here")
	}
	if in, err := f.byBrowser(t.Context()); err != nil || in.Access != "access-1" {
		t.Errorf("got %v", err)
	}
}

func (s *authority) status(t *testing.T, r *http.Request, want int) {
	t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != want {
		t.Errorf("%s %s: got %d, want %d", r.Method, r.URL.Path, res.StatusCode, want)
	}
}

func TestLoginBrowserInterrupted(t *testing.T) {
	t.Parallel()
	s := newAuthority(t)
	f, _, _ := s.flow(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.open = func(string) error { cancel(); return nil }
	if _, err := f.byBrowser(ctx); !errors.Is(err, errInterrupted) {
		t.Errorf("got %v", err)
	}
}

// checklist 70
func TestLoginByDevice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		polls []string
		want  string // of the error
		waits []int  // seconds
	}{
		{"at once", nil, "", []int{5}},
		{"pending", []string{"authorization_pending", "authorization_pending"}, "", []int{5, 5, 5}},
		{"slow down", []string{"slow_down", "authorization_pending", "slow_down"}, "", []int{5, 10, 10, 15}},
		{"away", []string{"down", "down"}, "", []int{5, 10, 20}},
		{"denied", []string{"authorization_pending", "access_denied"}, "access_denied: because?[31m", []int{5, 5}},
		{"expired", []string{"expired_token"}, "expired_token", []int{5}},
		{"never", slices.Repeat([]string{"authorization_pending"}, 200), "expired_token", slices.Repeat([]int{5}, 120)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newAuthority(t)
			s.polls = tt.polls
			f, said, waited := s.flow(t)
			in, err := f.byDevice(t.Context())
			if tt.want == "" && (err != nil || in.Access != "access-1") || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			var waits []int
			for _, d := range *waited {
				waits = append(waits, int(d/time.Second))
			}
			if !slices.Equal(waits, tt.waits) {
				t.Errorf("waited %v, want %v", waits, tt.waits)
			}
			if !strings.Contains(said.String(), "BCDF-GHJK") || !strings.Contains(said.String(), s.url+"/d") {
				t.Errorf("said %q", said)
			}
		})
	}
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*authority) (issuer string)
		want   string
	}{
		{"not https", func(*authority) string { return "http://id.example.com" }, "not https"},
		{"no host", func(*authority) string { return "https:///x" }, "without user"},
		{"password", func(*authority) string { return "https://a:geheim@id.example.com" }, "without user"},
		{"another name", func(s *authority) string { s.meta["issuer"] = "https://other.example"; return s.url }, "calls itself"},
		{"endpoint elsewhere", func(s *authority) string { s.meta["token_endpoint"] = "http://evil.example/token"; return s.url }, "not https"},
		{"no token endpoint", func(s *authority) string { delete(s.meta, "token_endpoint"); return s.url }, "no token endpoint"},
		{"nothing there", func(s *authority) string { return s.url + "/other" }, "cannot read the metadata"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newAuthority(t)
			_, err := discover(t.Context(), tt.change(s))
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "geheim") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// The tokens are kept for their owner alone, refreshed when they are needed, and revoked before they are forgotten.
// secure-defaults 16b
func TestLoginKept(t *testing.T) {
	t.Parallel()
	s := newAuthority(t)
	file := filepath.Join(t.TempDir(), "deep", "login.json")
	in := signIn{Issuer: s.url, ClientID: "shell", TokenURL: s.url + "/token", RevokeURL: s.url + "/revoke", Access: "access-0", Refresh: "refresh-0"}
	keep := func(life time.Duration) {
		t.Helper()
		in.ExpiresAt = time.Now().Add(life)
		if err := in.write(file); err != nil {
			t.Fatal(err)
		}
	}
	want := func(wantCode int, wantOut, wantErr string, args ...string) {
		t.Helper()
		code, stdout, stderr := sandi(t, "", append(append([]string{"login"}, args...), "--out", file)...)
		if code != wantCode || !strings.Contains(stdout, wantOut) || !strings.Contains(stderr, wantErr) || strings.Contains(stderr, "refresh-") {
			t.Errorf("%v: exit code %d, %q, %q", args, code, stdout, stderr)
		}
	}
	want(1, "", "nobody is signed in", "--token")
	keep(time.Minute)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	want(0, "access-0\n", "", "--token")
	keep(time.Second)
	want(0, "access-1\n", "", "--token")
	want(0, `"access_token": "access-1"`, "", "--token", "--json") // the new one was kept
	if got := s.last().Get("refresh_token"); got != "refresh-0" {
		t.Errorf("refreshed by %q", got)
	}
	keep(time.Second)
	s.refused = "invalid_grant"
	want(1, "", "sign in again: sandi login --issuer "+s.url+" --client-id shell", "--token")
	want(1, "", "invalid_grant", "--forget")
	s.refused = ""
	want(0, "signed out of "+s.url, "", "--forget")
	if got := s.last().Get("token"); got != "refresh-0" {
		t.Errorf("revoked %q", got)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the file is still there")
	}
	keep(time.Minute)
	s.refused = "invalid_client"
	want(0, "signed out", "does not know the client", "--forget")
	keep(time.Minute)
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	want(1, "", "chmod 600", "--token")
}
