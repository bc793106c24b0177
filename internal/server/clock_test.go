package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
)

// wrongClock is a store from whose clock this node's is off, and which answers after a while.
type wrongClock struct {
	ahead, there, back time.Duration // of this node; the way to it and from it
}

func (s *wrongClock) Now(context.Context) (time.Time, error) {
	time.Sleep(s.there)
	now := time.Now().Add(-s.ahead)
	time.Sleep(s.back)
	return now, nil
}

func TestDrift(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		clock        wrongClock
		want         time.Duration
		warned, fits bool
	}{
		{"together", wrongClock{}, 0, false, true},
		{"a little ahead", wrongClock{ahead: 900 * time.Millisecond}, 900 * time.Millisecond, false, true},
		{"ahead", wrongClock{ahead: 1100 * time.Millisecond}, 1100 * time.Millisecond, true, true},
		{"behind", wrongClock{ahead: -4 * time.Second}, -4 * time.Second, true, true},
		{"far ahead", wrongClock{ahead: 5100 * time.Millisecond}, 5100 * time.Millisecond, true, false},
		{"far behind", wrongClock{ahead: -time.Hour}, -time.Hour, true, false},
		{"a slow store", wrongClock{there: 3 * time.Second, back: 3 * time.Second}, 0, false, true},
		{"slow on the way there", wrongClock{there: 4 * time.Second}, 0, false, true},
		{"slow on the way back", wrongClock{back: 4 * time.Second}, 0, false, true},
		{"slow and far ahead", wrongClock{ahead: time.Minute, there: 2 * time.Second, back: 2 * time.Second}, 58 * time.Second, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				d := drift{shared: &tt.clock, now: time.Now, log: slog.New(slog.NewTextHandler(&log, nil))}
				if err := d.measure(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := time.Duration(d.apart.Load()); got != tt.want {
					t.Errorf("%v apart, want %v", got, tt.want)
				}
				if got := log.Len() > 0; got != tt.warned {
					t.Errorf("warned: %v, want %v", got, tt.warned)
				}
				if err := d.check(); (err == nil) != tt.fits {
					t.Errorf("check: %v, want ready: %v", err, tt.fits)
				}
			})
		})
	}
}

// wrongOnce is a clock from which this node's is far, then one that does not answer, then one that is right.
type wrongOnce struct{ asked int }

func (c *wrongOnce) Now(context.Context) (time.Time, error) {
	switch c.asked++; c.asked {
	case 1:
		return time.Now().Add(time.Hour), nil
	case 2:
		return time.Time{}, errors.New("away")
	}
	return time.Now(), nil
}

// A store that does not answer leaves what was known; each minute counts.
func TestDriftRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := drift{shared: &wrongOnce{}, now: time.Now, log: slog.New(slog.DiscardHandler)}
		if err := d.measure(t.Context()); err != nil {
			t.Fatal(err)
		}
		go func() { _ = d.Run(t.Context()) }()
		time.Sleep(compareEvery + time.Second)
		synctest.Wait()
		if d.check() == nil {
			t.Error("ready, because the store did not answer")
		}
		time.Sleep(compareEvery)
		synctest.Wait()
		if err := d.check(); err != nil {
			t.Errorf("not ready after the clock was set: %v", err)
		}
	})
}

// A node whose clock is wrong says so where it is asked whether it is ready, with the figure.
func TestReadyzSaysClock(t *testing.T) {
	t.Parallel()
	c := DemoConfig(config.Default())
	c.Data, c.Listen.Addr = t.TempDir(), "127.0.0.1:0"
	s, err := New(t.Context(), Options{Config: c, Stdout: io.Discard, Demo: &Demo{}, InsecureWeakHash: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ready := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.public().ServeHTTP(w, httptest.NewRequest("GET", s.Issuer()+"/readyz", nil))
		return w
	}
	if w := ready(); w.Code != 200 {
		t.Errorf("at first: %d %s", w.Code, w.Body)
	}
	s.drift.shared = &wrongClock{ahead: -7200 * time.Millisecond}
	if err := s.drift.measure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := ready(); w.Code != 503 || !strings.Contains(w.Body.String(), "-7.2 s") || w.Header().Get("Retry-After") != "60" {
		t.Errorf("7.2 s behind: %d %s", w.Code, w.Body)
	}
}
