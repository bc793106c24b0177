package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// authority is an OAuth server whose every user says yes at once.
type authority struct {
	t   *testing.T
	url string

	mu      sync.Mutex // guards what follows
	meta    map[string]any
	polls   []string // answers to come, "" for tokens
	asked   []url.Values
	refused string // the error of the token and revocation endpoints
	code    string
	proof   string // code_challenge
}

func newAuthority(t *testing.T) *authority {
	s := &authority{t: t}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	s.url = h.URL
	s.meta = map[string]any{
		"issuer": s.url, "authorization_endpoint": s.url + "/authorize", "token_endpoint": s.url + "/token",
		"device_authorization_endpoint": s.url + "/device", "revocation_endpoint": s.url + "/revoke",
		"authorization_response_iss_parameter_supported": true,
	}
	return s
}

func (s *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = r.ParseForm()
	s.asked = append(s.asked, r.Form)
	switch r.URL.Path {
	case "/.well-known/oauth-authorization-server":
		s.write(w, 200, s.meta)
	case "/device":
		s.write(w, 200, map[string]any{
			"device_code": "sdd_x", "user_code": "BCDF-GHJK", "verification_uri": s.url + "/d",
			"verification_uri_complete": s.url + "/d?user_code=BCDF-GHJK", "expires_in": 600, "interval": 5,
		})
	case "/token":
		s.token(w, r.Form)
	case "/revoke":
		if s.refused != "" {
			s.write(w, 401, map[string]string{"error": s.refused})
		}
	default:
		http.NotFound(w, r)
	}
}

func (s *authority) token(w http.ResponseWriter, f url.Values) {
	answer := s.refused
	switch f.Get("grant_type") {
	case "authorization_code":
		sum := sha256.Sum256([]byte(f.Get("code_verifier")))
		if f.Get("code") != s.code || base64.RawURLEncoding.EncodeToString(sum[:]) != s.proof {
			answer = "invalid_grant"
		}
	case "urn:ietf:params:oauth:grant-type:device_code":
		if len(s.polls) > 0 {
			answer, s.polls = s.polls[0], s.polls[1:]
		}
	}
	switch answer {
	case "":
		s.write(w, 200, map[string]any{"access_token": "access-1", "token_type": "Bearer", "expires_in": 900, "refresh_token": "refresh-1", "scope": "orders"})
	case "down":
		w.WriteHeader(http.StatusBadGateway)
	default:
		s.write(w, 400, map[string]string{"error": answer, "error_description": "because\x1b[31m"})
	}
}

func (s *authority) write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.t.Error(err)
	}
}

// last is the newest request.
func (s *authority) last() url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[len(s.asked)-1]
}

// flow is a sign-in at s that never waits; said is what the person read.
func (s *authority) flow(t *testing.T) (f *signInFlow, said *strings.Builder, waited *[]time.Duration) {
	t.Helper()
	server, err := discover(t.Context(), s.url)
	if err != nil {
		t.Fatal(err)
	}
	said, waited = &strings.Builder{}, &[]time.Duration{}
	now := time.Now()
	return &signInFlow{
		server: server, clientID: "shell", scopes: []string{"orders", "profile"}, resources: []string{"https://api.example"},
		say: func(text string) { said.WriteString(text) },
		now: func() time.Time { return now },
		wait: func(ctx context.Context, d time.Duration) error {
			*waited = append(*waited, d)
			now = now.Add(d)
			return ctx.Err()
		},
	}, said, waited
}

// started is where the address that a browser was opened at leads, once; it says nothing itself.
func (s *authority) started(t *testing.T, start string) string {
	t.Helper()
	if !strings.HasPrefix(start, "http://127.0.0.1:") || !strings.HasSuffix(start, "/start") {
		t.Errorf("the browser was started with %s", start)
	}
	to := ""
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, want := range []int{http.StatusSeeOther, http.StatusNotFound} {
		res, err := c.Get(start)
		if err != nil {
			t.Error(err)
			return ""
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: got %d, want %d", start, res.StatusCode, want)
		}
		to = cmp.Or(to, res.Header.Get("Location"))
	}
	return to
}

// visit is the browser: it comes back from the server with what change makes of the answer.
func (s *authority) visit(t *testing.T, to string, change func(url.Values)) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Error(err)
		return
	}
	q := u.Query()
	s.mu.Lock()
	s.code, s.proof = "code-1", q.Get("code_challenge")
	s.mu.Unlock()
	if q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("client_id") != "shell" || len(q.Get("state")) != 43 ||
		q.Get("scope") != "orders profile" || q.Get("resource") != "https://api.example" {
		t.Errorf("asked for %v", q)
	}
	back := url.Values{"code": {"code-1"}, "state": {q.Get("state")}, "iss": {s.url}}
	if change != nil {
		change(back)
	}
	res, err := http.Get(q.Get("redirect_uri") + "?" + back.Encode())
	if err != nil {
		t.Error(err)
		return
	}
	defer res.Body.Close()
	if page, err := io.ReadAll(res.Body); err != nil || strings.Contains(string(page), "code-1") || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the page says %q, %v", page, err)
	}
}
