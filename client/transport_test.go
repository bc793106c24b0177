package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/client"
)

// numbered is a Fetch of tokens 1, 2, 3 ..., of unknown life.
func numbered() client.Fetch {
	var n atomic.Int64
	return func(context.Context) (client.Token, error) {
		return client.Token{Access: client.Secret(fmt.Sprint(n.Add(1)))}, nil
	}
}

func newTransport(t *testing.T, fetch client.Fetch, base http.RoundTripper, origins ...string) *client.Transport {
	t.Helper()
	source := client.New(client.Config{Fetch: fetch})
	t.Cleanup(source.Close)
	tr, err := client.NewTransport(client.TransportConfig{Source: source, Origins: origins, Base: base})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// The token goes to the origins that were named, and nowhere else.
func TestOrigins(t *testing.T) {
	t.Parallel()
	var got string
	tr := newTransport(t, numbered(), inMemory{http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
	})}, "https://api.example", "https://Other.Example:8443/", "http://127.0.0.1:5000", "https://[2001:db8::1]")
	for _, tt := range []struct {
		url string
		own string
		out string
	}{
		{"https://api.example/x", "", "Bearer 1"},
		{"https://API.example:443/x", "", "Bearer 1"},
		{"https://other.example:8443/", "", "Bearer 1"},
		{"http://127.0.0.1:5000/", "", "Bearer 1"},
		{"https://[2001:db8::1]:443/", "", "Bearer 1"},
		{"https://api.example/x", "Basic x", "Basic x"},
		{"http://api.example/x", "", ""},
		{"http://api.example:443/x", "", ""},
		{"https://api.example:8443/", "", ""},
		{"https://api.example.evil.example/", "", ""},
		{"https://evil.example/https://api.example", "", ""},
		{"https://api.example@evil.example/", "", ""},
		{"https://api.example./", "", ""},
		{"https://xapi.example/", "", ""},
		{"https://127.0.0.1:5000/", "", ""},
		{"http://127.0.0.1/", "", ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", tt.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tt.own != "" {
			r.Header.Set("Authorization", tt.own)
		}
		res, err := tr.RoundTrip(r)
		read(t, res, err)
		if got != tt.out {
			t.Errorf("%s: sent %q, want %q", tt.url, got, tt.out)
		}
		if r.Header.Get("Authorization") != tt.own || res.Request == nil || res.Request.Header.Get("Authorization") != tt.own {
			t.Errorf("%s: the caller's request has the token", tt.url)
		}
	}
}

// A redirect carries no token to another origin, and one that comes back has it again.
func TestRedirects(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	var home string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen["elsewhere"] = r.Header.Get("Authorization") + r.Header.Get("Cookie")
		http.Redirect(w, r, home+"/end", http.StatusFound)
	}))
	defer elsewhere.Close()
	mine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen[r.URL.Path] = r.Header.Get("Authorization")
		if r.URL.Path == "/start" {
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
		}
	}))
	defer mine.Close()
	home = mine.URL
	c := &http.Client{Transport: newTransport(t, numbered(), mine.Client().Transport, mine.URL)}
	res, err := c.Get(mine.URL + "/start")
	read(t, res, err)
	if seen["/start"] != "Bearer 1" || seen["elsewhere"] != "" || seen["/end"] != "Bearer 1" {
		t.Errorf("seen: %q", seen)
	}
	c.CloseIdleConnections()
}

// body is a request body that notices whether it was closed.
type body struct {
	io.Reader
	closed *atomic.Int64
}

func (b body) Close() error { b.closed.Add(1); return nil }

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

// A server that calls every token expired does not turn each request into a fetch.
func TestForcedRenewalsAreRare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var fetched, asked atomic.Int64
		next := numbered()
		tr := newTransport(t, func(ctx context.Context) (client.Token, error) {
			fetched.Add(1)
			return next(ctx)
		}, inMemory{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			fail(w, 401, "token_expired", "")
		})}, "https://api.example")
		for range 60 {
			res, err := (&http.Client{Transport: tr}).Get("https://api.example/")
			if status, _ := read(t, res, err); status != 401 {
				t.Errorf("status %d", status)
			}
			time.Sleep(time.Second)
		}
		if fetched.Load() != 7 || asked.Load() != 66 { // the first, and one every 10 s
			t.Errorf("%d tokens and %d requests in a minute, want 7 and 66", fetched.Load(), asked.Load())
		}
	})
}

// All requests that an expired token failed share one fetch.
func TestRetryOneFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		tr := newTransport(t, mint(&n, time.Hour), inMemory{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "Bearer token 1" {
				fail(w, 401, "token_expired", "")
			}
		})}, "https://api.example")
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				res, err := (&http.Client{Transport: tr}).Post("https://api.example/", "text/plain", bytes.NewReader([]byte("x")))
				if status, _ := read(t, res, err); status != 200 {
					t.Errorf("status %d", status)
				}
			})
		}
		wg.Wait()
		if n.Load() != 2 {
			t.Errorf("%d tokens, want 2", n.Load())
		}
	})
}

// A request without a token does not go out, and its body is closed all the same.
func TestNoToken(t *testing.T) {
	t.Parallel()
	refused := &client.Error{Status: 401, Code: "invalid_credentials"}
	tr := newTransport(t, func(context.Context) (client.Token, error) { return client.Token{}, refused },
		inMemory{http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request went out") })}, "https://api.example")
	var closed atomic.Int64
	r, err := http.NewRequestWithContext(t.Context(), "POST", "https://api.example/", body{strings.NewReader("x"), &closed})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.RoundTrip(r); !errors.Is(err, refused) || closed.Load() != 1 {
		t.Errorf("got %v, body closed %d times", err, closed.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tr.RoundTrip(r.WithContext(ctx)); !errors.Is(err, context.Canceled) || closed.Load() != 2 {
		t.Errorf("canceled: got %v, body closed %d times", err, closed.Load())
	}
}
