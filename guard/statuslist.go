package guard

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// StatusListsConfig says whose status lists are read, and from where. Issuer is required.
type StatusListsConfig struct {
	// Issuer is the exact iss of the tokens that are looked up, and of the lists that name one. Tokens of others are let
	// through: for several issuers, several StatusLists in one AnyRevocation.
	Issuer string
	// Keys verify the lists, default NewRemoteKeys of Issuer. Where Config.Keys has a set that is fetched: the same.
	Keys jwt.Keys
	// Hosts are where lists are fetched from, "lists.example" or "lists.example:8443"; default that of Issuer alone.
	Hosts []string
	// RootCAs verify these servers, default the system's.
	RootCAs *x509.CertPool
	// MaxTTL is how long a list is used at most without being fetched again, whatever its own ttl says; default an hour,
	// at least 5 s. A list without ttl goes by Cache-Control, and by 5 minutes without that.
	MaxTTL time.Duration
	// MaxStaleness is how long beyond that a list is used that cannot be fetched again, never after its exp. Default a
	// minute; negative: not at all. Then requests get 503, unless InsecureFailOpen.
	MaxStaleness time.Duration
	// Size is how many lists are kept, default 256, each of its own size: one place is one to eight bits.
	Size int
	// RequireStatus refuses the issuer's tokens that name no place in a list. Default: they are let through.
	RequireStatus bool
	// Now is the clock, default time.Now.
	Now func() time.Time
	// Logger is told of every failed fetch, at level Error; default slog.Default().
	Logger *slog.Logger

	// InsecureFailOpen lets tokens through whose list cannot be had: an attacker who keeps this program from its issuer
	// brings every revoked token back. What a list that is there says counts all the same.
	InsecureFailOpen bool
	// InsecureAllowPrivate lets the servers be at addresses that are not on the public Internet, as RemoteKeysConfig's does:
	// for an issuer in one's own network.
	InsecureAllowPrivate bool
	// InsecureAllowHTTP accepts http:// URLs of "localhost" and loopback addresses, for development.
	InsecureAllowHTTP bool
}

// StatusLists are the Token Status Lists that an issuer publishes (draft-ietf-oauth-status-list): Revocations for Config,
// alone or in AnyRevocation. A token that passed every other check names its place in a list, which is fetched when it
// is first asked for, verified with the issuer's keys, and kept until its ttl; the next is fetched ahead of that, where
// anybody asks. A token counts while its place says 0, VALID: one that is INVALID, SUSPENDED or says anything else does not,
// nor does one whose place is outside of its list, or not to be read.
//
// A fetch is as RemoteKeys': https, Hosts only, no redirect and no proxy, public addresses, 5 s, 1 MiB, and 4 MiB once it is
// inflated. Whoever asks meanwhile waits for the same one; after one that failed the next is 1 s later, then 2, up to 30.
type StatusLists struct {
	cfg      StatusListsConfig
	hosts    []string
	verifier *jwt.Verifier
	dialer   net.Dialer
	client   *http.Client
	known    sync.Map   // uri to *statusEntry
	mu       sync.Mutex // guards count, and what is put into known and taken out
	count    int
}

var _ Revocations = (*StatusLists)(nil)

// NewStatusLists fails for a setting that cannot be. Nothing is fetched yet, and nothing needs to be closed.
func NewStatusLists(c StatusListsConfig) (*StatusLists, error) {
	s := &StatusLists{cfg: c.withDefaults()}
	if err := s.configure(); err != nil {
		return nil, fmt.Errorf("guard: StatusListsConfig: %w", err)
	}
	s.dialer.ControlContext = s.reach().allowDial
	s.client = newRemoteClient(c.RootCAs, s.dialer.DialContext)
	return s, nil
}

func (c StatusListsConfig) withDefaults() StatusListsConfig {
	c.MaxTTL, c.MaxStaleness = cmp.Or(c.MaxTTL, time.Hour), max(0, cmp.Or(c.MaxStaleness, time.Minute))
	c.Size = cmp.Or(c.Size, 256)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

func (s *StatusLists) configure() (err error) {
	c := &s.cfg
	if c.MaxTTL < minTTL || c.Size < 1 {
		return fmt.Errorf("MaxTTL is under %s, or Size is below 0", minTTL)
	}
	issuer, err := s.reach().parseURL("Issuer", c.Issuer)
	if err != nil {
		return err
	}
	if c.Keys == nil {
		c.Keys, err = NewRemoteKeys(RemoteKeysConfig{
			Issuer: c.Issuer, RootCAs: c.RootCAs, Now: c.Now, Logger: c.Logger,
			InsecureAllowPrivate: c.InsecureAllowPrivate, InsecureAllowHTTP: c.InsecureAllowHTTP,
		})
		if err != nil {
			return err
		}
	}
	if len(c.Hosts) == 0 {
		s.hosts = []string{hostOf(issuer)}
	}
	for _, host := range c.Hosts {
		u, err := url.Parse("https://" + host)
		if err != nil || u.Host != host || u.Hostname() == "" {
			return fmt.Errorf("no host is called %q: Hosts has hosts, or hosts with a port", host)
		}
		s.hosts = append(s.hosts, hostOf(u))
	}
	s.verifier, err = jwt.NewVerifier(jwt.Config{
		Keys: c.Keys, Types: []string{"statuslist+jwt"}, MaxSize: maxDocument, Now: c.Now,
		InsecureAnyIssuer: true, InsecureAnyAudience: true, InsecureNoExpiry: true, // a list need not have these; see parse
	})
	return err
}

func (s *StatusLists) reach() reach {
	return reach{s.cfg.InsecureAllowPrivate, s.cfg.InsecureAllowHTTP}
}

// hostOf is the host of a URL as it is compared: with the port where that is not https's.
func hostOf(u *url.URL) string { return strings.TrimSuffix(strings.ToLower(u.Host), ":443") }

// Revoked implements Revocations. The error says why the list cannot be had.
func (s *StatusLists) Revoked(ctx context.Context, t *Token) (bool, error) {
	if t.Issuer() != s.cfg.Issuer {
		return false, nil
	}
	place := t.statusPlace()
	switch {
	case place == nil:
		return s.cfg.RequireStatus, nil
	case place.index < 0: // it says that it has a place, and not which
		return true, nil
	}
	list, err := s.list(ctx, place.uri)
	if err != nil {
		return false, s.open(err)
	}
	value, ok := list.at(place.index)
	return !ok || value != 0, nil
}

// open is err, unless what cannot be known is let through.
func (s *StatusLists) open(err error) error {
	if s.cfg.InsecureFailOpen {
		return nil
	}
	return err
}

// list is the list at uri, from memory where that is good enough.
func (s *StatusLists) list(ctx context.Context, uri string) (*statusList, error) {
	e, err := s.entry(uri)
	if err != nil {
		return nil, err
	}
	list, now := e.list.Load(), s.cfg.Now()
	if list != nil && !passed(list.due, now) {
		return list, nil
	}
	f := s.join(e, now)
	if list != nil && !passed(list.fresh, now) {
		return list, nil
	}
	err = f.wait(ctx)
	if list = e.list.Load(); list != nil && !passed(list.until, s.cfg.Now()) {
		return list, nil
	}
	if err == nil { // it landed long ago, or brought what had expired by now
		err = errListExpired
	}
	return nil, fmt.Errorf("guard: status list: %w", err)
}

var (
	errListHost    = errors.New("the URL of the list is on a host that is not among StatusListsConfig.Hosts")
	errListExpired = errors.New("the list has expired")
)

// passed asks the wall clock as well, which goes on while the machine sleeps.
func passed(t, now time.Time) bool { return !now.Before(t) || now.UnixNano() >= t.UnixNano() }

// entry is what is known of the list at uri; a new one where it may be fetched.
func (s *StatusLists) entry(uri string) (*statusEntry, error) {
	if e, ok := s.known.Load(uri); ok {
		return e.(*statusEntry), nil
	}
	u, err := s.reach().parseURL("uri", uri)
	if err == nil && !slices.Contains(s.hosts, hostOf(u)) {
		err = errListHost
	}
	if err != nil {
		return nil, fmt.Errorf("guard: status list: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, loaded := s.known.LoadOrStore(uri, &statusEntry{uri: uri, url: u})
	if !loaded {
		if s.count++; s.count > s.cfg.Size {
			s.evict(e.(*statusEntry))
		}
	}
	return e.(*statusEntry), nil
}

// evict drops the list, other than that of keep, that was to be fetched again first: one that is dead, or was never had,
// before all others. s.mu is held.
func (s *StatusLists) evict(keep *statusEntry) {
	var oldest *statusEntry
	var at time.Time
	s.known.Range(func(_, v any) bool {
		e := v.(*statusEntry)
		due := time.Time{}
		if list := e.list.Load(); list != nil {
			due = list.due
		}
		if e != keep && (oldest == nil || due.Before(at)) {
			oldest, at = e, due
		}
		return true
	})
	s.known.Delete(oldest.uri)
	s.count--
}
