package guard

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/sandi-auth/sandi/internal/gaps"
)

// FollowerConfig says whose revocations a Follower reads. URL, Credential and List are required.
type FollowerConfig struct {
	// URL is the https URL of a Sandi server's feed, such as https://auth.example/revocations. It
	// may be in one's own network, for it is the program's own and never an answer's.
	URL string
	// Credential returns the secret that the server knows this resource server by, one of its
	// revocation.readers_file. It is called before every request, so that it can be replaced, and
	// goes into the Authorization header (RFC 6750 section 2.1) and nowhere else.
	Credential func(ctx context.Context) (string, error)
	// List is kept equal to the feed. Its MaxStaleness, at least 5 s, is how long it is trusted
	// when the feed cannot be read: a minute is what a Sandi server grants itself. It counts from when
	// the last answer was asked for, since an answer may be old when it arrives.
	List *RevocationList
	// RootCAs verify the server, default the system's.
	RootCAs *x509.CertPool
	// Now is the clock, default time.Now.
	Now func() time.Time
	// Logger is told when the feed is lost, at level Error, found again, at level Info, and when
	// its history was replaced, at level Warn. Default slog.Default(): a lost feed soon means 503.
	Logger *slog.Logger

	// InsecureAllowHTTP accepts an http:// URL of "localhost" or a loopback address, for development.
	InsecureAllowHTTP bool
}

const (
	leastStaleness = 5 * time.Second
	longestWait    = 25 * time.Second // of a request for news; servers take up to 30 s
	answerTime     = 10 * time.Second // beyond that
	spacing        = 200 * time.Millisecond
	longestRetry   = 10 * time.Second
	pruneEvery     = time.Minute
)

// Follower keeps a RevocationList equal to the feed GET /revocations of a Sandi server: what is
// revoked there counts here within a second. It is used by one goroutine, Load and then Run.
//
//	list := guard.NewRevocationList(guard.RevocationListConfig{MaxStaleness: time.Minute})
//	f, err := guard.NewFollower(guard.FollowerConfig{URL: "https://auth.example/revocations", Credential: secret, List: list})
//	...
//	if err := f.Load(ctx); err != nil { ... } // not at all, rather than with an empty list
//	go f.Run(ctx)
//	g, err := guard.New(guard.Config{Revocations: list, ...})
//
// What commits late at the server, after entries of a higher number, is asked for until it is there: see feedPage for the
// protocol. From an answer of another history on, as after a restore, the list is stale until that is read to its end.
//
// While the feed cannot be read the list is not touched, so that it becomes stale by itself and
// requests get 503. It asks for news and waits for them a third of MaxStaleness, at most 25 s;
// failures are tried again after 200 ms, then twice that, up to 10 s, jittered.
type Follower struct {
	cfg    FollowerConfig
	url    *url.URL
	client *http.Client

	epoch    string // of the history that was read; "" before the first Load
	last     int64  // up to here everything was read, but gaps
	gaps     gaps.Tracker
	failures int // since the last answer
	pruned   time.Time
}

// NewFollower makes a Follower, or says what is missing or cannot be.
func NewFollower(c FollowerConfig) (*Follower, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	to := reach{private: true, http: c.InsecureAllowHTTP}
	u, err := to.parseURL("URL", c.URL)
	switch {
	case err != nil:
	case u.RawQuery != "" || u.ForceQuery:
		err = errors.New("URL has a query: the credential is not for URLs")
	case c.Credential == nil:
		err = errors.New("no Credential")
	case c.List == nil:
		err = errors.New("no List")
	case c.List.maxStaleness < leastStaleness:
		err = fmt.Errorf("MaxStaleness of List is under %s: without one a lost feed would go unnoticed", leastStaleness)
	}
	if err != nil {
		return nil, fmt.Errorf("guard: FollowerConfig: %w", err)
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second, ControlContext: to.allowDial}
	return &Follower{cfg: c, url: u, client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    5 * time.Second,
			DisableCompression:     true, // the limit is on what is sent
			MaxResponseHeaderBytes: 64 << 10,
			IdleConnTimeout:        time.Minute,
		},
	}}, nil
}

// Load reads the whole feed, so that the list is complete before the first request. It waits for
// no news. The error says what went wrong; the list is then as it was.
func (f *Follower) Load(ctx context.Context) error { return f.follow(ctx, 0) }

// Run follows the feed and prunes the list until ctx ends; then it returns nil. What was not loaded
// before is loaded first.
func (f *Follower) Run(ctx context.Context) error {
	defer f.client.CloseIdleConnections()
	for ctx.Err() == nil {
		begun := f.cfg.Now()
		err := f.follow(ctx, f.wait())
		now := f.cfg.Now()
		pause := spacing - now.Sub(begun)
		if err != nil {
			pause = jittered(min(spacing<<min(f.failures, 6), longestRetry))
		}
		f.report(ctx, err)
		if now.Sub(f.pruned) >= pruneEvery {
			f.pruned = now
			f.cfg.List.Prune()
		}
		sleep(ctx, pause)
	}
	return nil
}

// wait is how long to wait for news: so that the list does not become stale over it. Nothing is
// waited for before the first answer.
func (f *Follower) wait() time.Duration {
	if f.epoch == "" {
		return 0
	}
	return min(longestWait, f.cfg.List.maxStaleness/3).Truncate(time.Second)
}

// report logs the beginning and the end of an outage, not every failure.
func (f *Follower) report(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case err != nil:
		if f.failures++; f.failures == 1 {
			f.cfg.Logger.ErrorContext(ctx, "revocation feed cannot be read", "error", err)
		}
	case f.failures > 0:
		f.failures = 0
		f.cfg.Logger.InfoContext(ctx, "revocation feed is read again")
	}
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
