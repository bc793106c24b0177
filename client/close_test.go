package client_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/client"
)

// Close waits for the fetch under way, whose refresh token may be the only one that counts, but not for ever.
func TestClose(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		life, took time.Duration
		err        error
	}{{"answer comes", time.Second, time.Second, nil}, {"no answer", time.Hour, 5 * time.Second, client.ErrClosed}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := client.New(client.Config{Timeout: time.Minute, Fetch: func(ctx context.Context) (client.Token, error) {
					select {
					case <-time.After(tt.life):
						return client.Token{Access: "x"}, nil
					case <-ctx.Done():
						return client.Token{}, ctx.Err()
					}
				}})
				go func() {
					if _, err := s.Token(t.Context()); !errors.Is(err, tt.err) {
						t.Errorf("waiter: got %v, want %v", err, tt.err)
					}
				}()
				synctest.Wait()
				start := time.Now()
				s.Close()
				if took := time.Since(start); took != tt.took {
					t.Errorf("Close took %v, want %v", took, tt.took)
				}
				if _, err := s.Token(t.Context()); !errors.Is(err, client.ErrClosed) {
					t.Errorf("after Close: got %v", err)
				}
			})
		})
	}
}

// OnError may close the Source, as one does that sees invalid_grant.
func TestCloseInOnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s *client.Source
		closed := make(chan struct{})
		s = client.New(client.Config{
			Fetch: func(context.Context) (client.Token, error) { return client.Token{}, errors.New("no") },
			OnError: func(error) {
				s.Close()
				close(closed)
			},
		})
		_, _ = s.Token(t.Context())
		select {
		case <-closed:
		case <-time.After(time.Minute):
			t.Fatal("Close waits for its caller")
		}
	})
}

// A Fetch that ends its goroutine, as t.FailNow does, has failed.
func TestFetchThatDoesNotReturn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := client.New(client.Config{Fetch: func(context.Context) (client.Token, error) {
			runtime.Goexit()
			return client.Token{}, nil
		}})
		defer s.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.Token(ctx); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want an error at once", err)
		}
	})
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := client.New(client.Config{Fetch: func(ctx context.Context) (client.Token, error) {
			<-ctx.Done()
			return client.Token{}, ctx.Err()
		}})
		defer s.Close()
		start := time.Now()
		if _, err := s.Token(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 30*time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}
