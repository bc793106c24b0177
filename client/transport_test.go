package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
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

// body is a request body that notices whether it was closed.
type body struct {
	io.Reader
	closed *atomic.Int64
}

func (b body) Close() error { b.closed.Add(1); return nil }

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
