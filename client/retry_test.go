package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sandi-auth/sandi/client"
)

// A refusal is answered with a newer token once, if the token expired and the body can be sent again.
func TestRetry(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 10_000)
	for _, tt := range []struct {
		name        string
		contentType string
		refusal     string
		body        string // of the request
		once        bool   // which cannot be read again
		tokens      string // that were sent
	}{
		{"expired", "application/json", `{"error":"token_expired","msg":"Refresh."}`, "", false, "1 2"},
		{"with parameters", "Application/JSON; charset=utf-8", `{"error":"token_expired"}`, "", false, "1 2"},
		{"with a body", "application/json", `{"error":"token_expired"}`, "hello", false, "1 2"},
		{"Flask", "application/json", `{"msg":"Token has expired"}`, "hello", false, "1 2"},
		{"Flask, revoked", "application/json", `{"msg":"Token has been revoked"}`, "", false, "1"},
		{"sentence of another reason", "application/json", `{"error":"token_invalid","msg":"Token has expired"}`, "", false, "1"},
		{"body of one use", "application/json", `{"error":"token_expired"}`, "hello", true, "1"},
		{"revoked", "application/json", `{"error":"token_revoked"}`, "", false, "1"},
		{"invalid", "application/json", `{"error":"token_invalid","msg":"token_expired"}`, "", false, "1"},
		{"page", "text/html", `{"error":"token_expired"}`, "", false, "1"},
		{"no type", "", `{"error":"token_expired"}`, "", false, "1"},
		{"not JSON", "application/json", `token_expired`, "", false, "1"},
		{"long", "application/json", `{"msg":"` + long + `","error":"token_expired"}`, "", false, "1"},
		{"empty", "application/json", ``, "", false, "1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var sent []string
			api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
				sent = append(sent, token)
				if got, err := io.ReadAll(r.Body); err != nil || string(got) != tt.body {
					t.Errorf("request %d: body %q, %v, want %q", len(sent), got, err, tt.body)
				}
				if token == "1" {
					w.Header()["Content-Type"] = []string{tt.contentType}
					w.WriteHeader(http.StatusUnauthorized)
					fmt.Fprint(w, tt.refusal)
				}
			}))
			defer api.Close()
			tr := newTransport(t, numbered(), api.Client().Transport, api.URL)
			r, err := http.NewRequestWithContext(t.Context(), "POST", api.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			var made, closed atomic.Int64
			if tt.body != "" {
				newBody := func() (io.ReadCloser, error) {
					made.Add(1)
					return body{strings.NewReader(tt.body), &closed}, nil
				}
				if r.Body, err = newBody(); err != nil {
					t.Fatal(err)
				}
				if r.ContentLength = int64(len(tt.body)); !tt.once {
					r.GetBody = newBody
				}
			}
			res, err := tr.RoundTrip(r)
			status, answer := read(t, res, err)
			if got := strings.Join(sent, " "); got != tt.tokens {
				t.Errorf("tokens sent: %q, want %q", got, tt.tokens)
			}
			if retried := tt.tokens == "1 2"; retried && status != 200 || !retried && (status != 401 || answer != tt.refusal) {
				t.Errorf("got %d %.100q", status, answer)
			}
			if made.Load() != closed.Load() {
				t.Errorf("%d of %d bodies closed", closed.Load(), made.Load())
			}
			if r.Header.Get("Authorization") != "" || res.Request != r {
				t.Error("the caller's request was changed")
			}
		})
	}
}

// Expired is asked about 401 alone, is shown no body that it could use up, and decides.
func TestExpired(t *testing.T) {
	t.Parallel()
	const refusal = `{"error":"token_expired"}` // which the default would take for one
	for _, tt := range []struct {
		name, method string
		status       int
		challenge    string
		asked, sent  int
	}{
		{"expired", "GET", 401, `Bearer error="invalid_token", error_description="The access token expired"`, 1, 2},
		{"expired, without a body", "HEAD", 401, `Bearer error="invalid_token", error_description="The access token expired"`, 1, 2},
		{"revoked", "GET", 401, `Bearer error="invalid_token"`, 1, 1},
		{"forbidden", "GET", 403, `Bearer error_description="The access token expired"`, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked, sent := 0, 0
			base := inMemory{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if sent++; r.Header.Get("Authorization") != "Bearer 1" {
					return
				}
				w.Header().Set("WWW-Authenticate", tt.challenge)
				w.WriteHeader(tt.status)
				if r.Method != "HEAD" {
					fmt.Fprint(w, refusal)
				}
			})}
			source := client.New(client.Config{Fetch: numbered()})
			defer source.Close()
			tr, err := client.NewTransport(client.TransportConfig{
				Source: source, Origins: []string{"https://api.example"}, Base: base,
				Expired: func(res *http.Response, body []byte) bool {
					asked++
					if rest, err := io.ReadAll(res.Body); err != nil || len(rest) > 0 || tt.method == "GET" && string(body) != refusal {
						t.Errorf("shown %q, and %q, %v to read", body, rest, err)
					}
					return strings.Contains(res.Header.Get("WWW-Authenticate"), "token expired")
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.NewRequestWithContext(t.Context(), tt.method, "https://api.example/", nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := tr.RoundTrip(r)
			status, got := read(t, res, err)
			if asked != tt.asked || sent != tt.sent || (status == 200) != (tt.sent == 2) || status != 200 && got != refusal {
				t.Errorf("asked %d times, sent %d times, got %d %q", asked, sent, status, got)
			}
		})
	}
}

// answering is a RoundTripper whose first answer is a refusal with the given body.
type answering struct {
	body io.ReadCloser
	n    int
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.n++; a.n > 1 {
		return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
	}
	return &http.Response{StatusCode: 401, Header: http.Header{"Content-Type": {"application/json"}}, Body: a.body, Request: r}, nil
}

// The body of a refusal that is not the answer is closed, and one that breaks off breaks off for the caller too.
func TestBodyOfARefusal(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset by peer")
	for _, tt := range []struct {
		body   io.Reader
		err    error
		closed int64 // before the caller does
	}{
		{strings.NewReader(`{"error":"token_expired"}`), nil, 1},
		{io.MultiReader(strings.NewReader(`{"error":`), failing{broken}), broken, 0},
	} {
		var closed atomic.Int64
		tr := newTransport(t, numbered(), &answering{body: body{tt.body, &closed}}, "https://api.example")
		r, err := http.NewRequestWithContext(t.Context(), "GET", "https://api.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := tr.RoundTrip(r)
		if err != nil || closed.Load() != tt.closed {
			t.Fatalf("%v, closed %d times, want %d", err, closed.Load(), tt.closed)
		}
		if _, err := io.ReadAll(res.Body); !errors.Is(err, tt.err) {
			t.Errorf("read: %v, want %v", err, tt.err)
		}
		if err := res.Body.Close(); err != nil || closed.Load() != 1 {
			t.Errorf("%v, closed %d times, want once", err, closed.Load())
		}
	}
}

// failing is a reader that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Where no newer token is to be had, the server's refusal is the answer, whole.
func TestRetryWithoutNewToken(t *testing.T) {
	t.Parallel()
	first := true
	fetch := func(context.Context) (client.Token, error) {
		if !first {
			return client.Token{}, errors.New("auth is down")
		}
		first = false
		return client.Token{Access: "1"}, nil
	}
	tr := newTransport(t, fetch, inMemory{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fail(w, 401, "token_expired", "Refresh.")
	})}, "https://api.example")
	for range 3 {
		res, err := (&http.Client{Transport: tr}).Get("https://api.example/")
		if status, got := read(t, res, err); status != 401 || got != `{"error":"token_expired","msg":"Refresh."}`+"\n" {
			t.Errorf("got %d %q", status, got)
		}
	}
}
