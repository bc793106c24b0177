package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/client"
)

const authURL = "https://auth.example/api/auth"

func newLogin(t *testing.T, h http.Handler, change func(*client.LoginConfig)) client.Fetch {
	t.Helper()
	c := client.LoginConfig{URL: authURL + "/", Username: "robot", Password: "hunter2", Base: inMemory{h}}
	if change != nil {
		change(&c)
	}
	fetch, err := client.Login(c)
	if err != nil {
		t.Fatal(err)
	}
	return fetch
}

const (
	login   = "/api/auth/login"
	refresh = "/api/auth/refresh"
)

// The newest refresh token is spent, an answer that was lost is asked for again while that is a retry, and the password
// is for when no refresh token counts.
func TestLogin(t *testing.T) {
	t.Parallel()
	type step struct {
		before func(*authServer)
		want   string // access token
		asked  []string
		took   time.Duration
	}
	lose := func(n int) func(*authServer) { return func(a *authServer) { a.lose = n } }
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"rotation", []step{
			{nil, "access-1", []string{login}, 0},
			{nil, "access-2", []string{refresh}, 0},
			{nil, "access-3", []string{refresh}, 0},
		}},
		{"answers lost", []step{
			{nil, "access-1", []string{login}, 0},
			{lose(1), "access-3", []string{refresh, refresh}, time.Second},
			{lose(6), "access-10", slices.Repeat([]string{refresh}, 7), 6 * time.Second},
			{nil, "access-11", []string{refresh}, 0},
		}},
		{"answer does not come", []step{
			{nil, "access-1", []string{login}, 0},
			{func(a *authServer) { a.hang = 1 }, "access-3", []string{refresh, refresh}, 6 * time.Second},
			{nil, "access-4", []string{refresh}, 0},
		}},
		{"lost for too long", []step{
			{nil, "access-1", []string{login}, 0},
			{lose(8), "", slices.Repeat([]string{refresh}, 8), 7 * time.Second},
			{nil, "access-10", []string{refresh, login}, 0},
		}},
		{"server asks for time", []step{
			{nil, "access-1", []string{login}, 0},
			{func(a *authServer) { a.busy = 1 }, "access-2", []string{refresh, refresh}, 3 * time.Second},
			{func(a *authServer) { a.busy = 3 }, "", []string{refresh, refresh, refresh}, 6 * time.Second},
			{nil, "access-3", []string{refresh}, 0},
		}},
		{"session ended", []step{
			{nil, "access-1", []string{login}, 0},
			{(*authServer).endSession, "access-2", []string{refresh, login}, 0},
			{nil, "access-3", []string{refresh}, 0},
		}},
		{"login is not repeated", []step{{lose(1), "", []string{login}, 0}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				auth := &authServer{t: t}
				fetch := newLogin(t, auth, nil)
				for i, s := range tt.steps {
					if s.before != nil {
						s.before(auth)
					}
					start := time.Now()
					got, err := fetch(t.Context())
					if got.Access.Reveal() != s.want || (err == nil) != (s.want != "") {
						t.Fatalf("step %d: got %q, %v, want %q", i, got.Access.Reveal(), err, s.want)
					}
					if asked := auth.asked(); !slices.Equal(asked, s.asked) {
						t.Errorf("step %d: asked %q, want %q", i, asked, s.asked)
					}
					took := time.Since(start)
					if took != s.took {
						t.Errorf("step %d: took %v, want %v", i, took, s.took)
					}
					if life := got.ExpiresAt.Sub(start); err == nil && (life < 15*time.Minute || life > 15*time.Minute+took) {
						t.Errorf("step %d: lives %v", i, life)
					}
					time.Sleep(10 * time.Minute)
				}
			})
		})
	}
}

// A program that begins with a refresh token hands each newer one to Save before it uses what came with it.
func TestSave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		auth := &authServer{t: t, refresh: "sdr_9.0"}
		disk, full := "sdr_9.0", false
		fetch := newLogin(t, auth, func(c *client.LoginConfig) {
			c.Username, c.Password, c.RefreshToken = "", "", client.Secret(disk)
			c.Save = func(_ context.Context, refresh client.Secret) error {
				if full {
					return errors.New("disk is full")
				}
				disk = refresh.Reveal()
				return nil
			}
		})
		step := func(access, saved, failure string, asked ...string) {
			t.Helper()
			got, err := fetch(t.Context())
			if got.Access.Reveal() != access || fmt.Sprint(err) != failure || disk != saved {
				t.Errorf("got %q, %v with %q saved, want %q, %s with %q", got.Access.Reveal(), err, disk, access, failure, saved)
			}
			if got := auth.asked(); !slices.Equal(got, asked) {
				t.Errorf("asked %q, want %q", got, asked)
			}
			time.Sleep(time.Minute)
		}
		step("access-1", "sdr_9.0+", "<nil>", refresh)
		full = true
		step("", "sdr_9.0+", "save refresh token: disk is full", refresh)
		step("", "sdr_9.0+", "save refresh token: disk is full")
		full = false
		step("access-2", "sdr_9.0++", "<nil>") // it had come already
		step("access-3", "sdr_9.0+++", "<nil>", refresh)
		full = true
		step("", "sdr_9.0+++", "save refresh token: disk is full", refresh)
		time.Sleep(20 * time.Minute)
		full = false
		step("access-5", "sdr_9.0+++++", "<nil>", refresh) // the one that had come is dead
		auth.endSession()
		over := "refresh: status 401: invalid_grant: Sign in again."
		step("", "sdr_9.0+++++", over, refresh)
		step("", "sdr_9.0+++++", over) // nothing will make it good
	})
}

// The answers that are no token, and what of them is told.
func TestLoginRefusals(t *testing.T) {
	t.Parallel()
	answer := func(status int, contentType, body string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	const js = "application/json"
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
		is     *client.Error
	}{
		{
			"wrong password", answer(401, js, `{"error":"invalid_credentials","msg":"No."}`),
			"login: status 401: invalid_credentials: No.", &client.Error{Status: 401, Code: "invalid_credentials", Message: "No."},
		},
		{
			"throttled", answer(429, js, `{"error":"too_many_attempts"}`, "Retry-After", "7"),
			"login: status 429: too_many_attempts", &client.Error{Status: 429, Code: "too_many_attempts", RetryAfter: 7 * time.Second},
		},
		{
			"absurd wait", answer(503, "text/html", "<h1>", "Retry-After", "99999999999"),
			"login: status 503", &client.Error{Status: 503, RetryAfter: time.Hour},
		},
		{
			"line break in the sentence", answer(400, js, `{"error":"x","error_description":"a\nb\u001b[31m"}`),
			"login: status 400: x: a b [31m", &client.Error{Status: 400, Code: "x", Message: "a b [31m"},
		},
		{
			"long sentence", answer(400, js, `{"error":"x","msg":"`+strings.Repeat("a", 9999)+`"}`),
			"login: status 400: x: " + strings.Repeat("a", 256) + "...", nil,
		},
		{"redirect", answer(307, js, "", "Location", "https://evil.example/login"), "login: status 307", &client.Error{Status: 307}},
		{"another kind of token", answer(200, js, `{"access_token":"hunter3","token_type":"DPoP"}`), `login: token type "DPoP" is not Bearer`, nil},
		{"not JSON", answer(200, "text/html", `"hunter3"`), "login: read answer: not the JSON object of a token endpoint (*json.UnmarshalTypeError)", nil},
		{"endless", answer(200, js, `{"access_token":"`+strings.Repeat("a", 2<<20)+`"}`), "login: read answer: not the JSON object of a token endpoint (*json.SyntaxError)", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := newLogin(t, tt.answer, nil)(t.Context())
			if err == nil || err.Error() != tt.want {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			if e, ok := errors.AsType[*client.Error](err); tt.is != nil && (!ok || *e != *tt.is) {
				t.Errorf("got %+v, want %+v", e, tt.is)
			}
		})
	}
}

// Flask-JWT-Extended's routes: the refresh answers with an access token alone, and the refresh token stays good.
func TestRefreshTokenThatStays(t *testing.T) {
	t.Parallel()
	spent := 0
	fetch := newLogin(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer r" {
			fail(w, 401, "token_expired", "")
			return
		}
		spent++
		fmt.Fprintf(w, `{"access_token":"access-%d"}`, spent)
	}), func(c *client.LoginConfig) {
		c.RefreshToken = "r"
		c.Save = func(context.Context, client.Secret) error { return errors.New("nothing new to save") }
	})
	for range 3 {
		got, err := fetch(t.Context())
		if err != nil || got.Refresh.Reveal() != "r" || !got.ExpiresAt.IsZero() {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	if spent != 3 {
		t.Errorf("refreshed %d times, want 3", spent)
	}
}

// What a refusal of the refresh token means: that it is over, that a password may help, or that a proxy spoke.
func TestRefreshRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		status      int
		body        string
		over, login bool
	}{
		{"OAuth", 400, `{"error":"invalid_grant"}`, true, true},
		{"guard", 401, `{"error":"token_revoked","msg":"Sign in again."}`, true, true},
		{"Flask", 401, `{"msg":"Token has expired"}`, true, true},
		{"Flask with a new key", 422, `{"msg":"Signature verification failed"}`, true, true},
		{"no reason known here", 401, `{"error":"refresh_used"}`, false, true},
		{"proxy", 401, `<h1>Unauthorized</h1>`, false, true},
		{"client", 401, `{"error":"invalid_client"}`, false, false},
		{"bad request", 400, `{"error":"invalid_request"}`, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if asked = append(asked, r.URL.Path); r.URL.Path == login {
					fmt.Fprint(w, `{"access_token":"a"}`)
					return
				}
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			})
			for _, password := range []client.Secret{"", "hunter2"} {
				asked = nil
				fetch := newLogin(t, h, func(c *client.LoginConfig) { c.Password, c.RefreshToken = password, "r" })
				want := []string{refresh, refresh}
				switch _, err := fetch(t.Context()); {
				case (err == nil) != (tt.login && password != ""):
					t.Errorf("password %t: %v", password != "", err)
				case err == nil:
					want = []string{refresh, login}
				case tt.over:
					want = want[:1]
				}
				if len(asked) == 1 {
					_, _ = fetch(t.Context())
				}
				if !slices.Equal(asked, want) {
					t.Errorf("password %t: asked %q, want %q", password != "", asked, want)
				}
			}
		})
	}
}
