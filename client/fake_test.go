package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// inMemory is a RoundTripper that calls a handler, for tests whose time is not real.
type inMemory struct{ http.Handler }

func (m inMemory) RoundTrip(r *http.Request) (res *http.Response, err error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	defer r.Body.Close()
	defer func() {
		if v := recover(); v == http.ErrAbortHandler {
			err = errors.New("read: connection reset by peer")
		} else if v != nil {
			panic(v)
		}
	}()
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	if r.Context().Err() != nil {
		return nil, context.Cause(r.Context())
	}
	res = w.Result()
	res.Request = r
	return res, nil
}

// authServer rotates refresh tokens as a Sandi server does: for 10 s the old one is answered with its successor, later it ends the session.
type authServer struct {
	t        *testing.T
	mu       sync.Mutex
	log      []string // what was asked
	sessions int
	refresh  string // the one that counts
	previous string
	rotated  time.Time
	minted   int
	lose     int // answers to lose, after carrying out
	hang     int // answers never to give, after carrying out
	busy     int // requests to put off for 3 s
}

func (a *authServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.log = append(a.log, r.URL.Path)
	if a.busy > 0 {
		a.busy--
		w.Header().Set("Retry-After", "3")
		fail(w, 503, "temporarily_unavailable", "")
		return
	}
	switch r.URL.RequestURI() {
	case "/api/auth/login?transport=bearer":
		a.login(w, r)
	case "/api/auth/refresh":
		a.rotate(w, r)
	default:
		a.t.Errorf("asked for %s", r.URL.RequestURI())
	}
	if a.lose > 0 {
		a.lose--
		panic(http.ErrAbortHandler)
	} else if a.hang > 0 {
		a.hang--
		<-r.Context().Done()
	}
}

func (a *authServer) login(w http.ResponseWriter, r *http.Request) {
	var in map[string]string
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Header.Get("Content-Type") != "application/json" {
		a.t.Errorf("login: %v, content type %q", err, r.Header.Get("Content-Type"))
	}
	if in["username"] != "robot" || in["password"] != "hunter2" {
		fail(w, 401, "invalid_credentials", "Username or password is wrong.")
		return
	}
	a.sessions++
	a.refresh, a.previous = fmt.Sprintf("sdr_%d.0", a.sessions), ""
	a.answer(w)
}

func (a *authServer) rotate(w http.ResponseWriter, r *http.Request) {
	switch token := r.Header.Get("Authorization"); {
	case token == "Bearer "+a.refresh && a.refresh != "":
		a.previous, a.rotated = a.refresh, time.Now()
		a.refresh += "+"
		a.answer(w)
	case token == "Bearer "+a.previous && a.previous != "" && time.Since(a.rotated) < 10*time.Second:
		a.answer(w)
	default:
		a.refresh, a.previous = "", ""
		fail(w, 401, "invalid_grant", "Sign in again.")
	}
}

func (a *authServer) answer(w http.ResponseWriter) {
	a.minted++
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token":"access-%d","refresh_token":%q,"token_type":"Bearer","expires_in":900}`, a.minted, a.refresh)
}

// asked is what was asked since the last call.
func (a *authServer) asked() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	log := a.log
	a.log = nil
	return log
}

func (a *authServer) endSession() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refresh, a.previous = "", ""
}

func fail(w http.ResponseWriter, status int, code, msg string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "msg": msg})
}

func read(t *testing.T, res *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}
