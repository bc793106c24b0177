package oauth

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// clientMemory is how long a client that was read from the store counts: a change is followed as soon as a revocation is.
	clientMemory = time.Second
	// maxRemembered bounds what strangers can make be remembered by making ids up.
	maxRemembered = 4096
	// clientRead is the time that one reading of the store may take.
	clientRead = 5 * time.Second
)

// ClientsConfig is what Clients are made of. Store and Now are required.
type ClientsConfig struct {
	Store ClientStore
	// Configured are the clients of the configuration, validated; they win over those of the store.
	Configured []Client
	Now        func() time.Time
}

// Clients are those of the configuration and of the store, the latter remembered for a second. It is safe for concurrent use. Nobody may
// change what it hands out.
type Clients struct {
	store      ClientStore
	configured map[string]Client
	now        func() time.Time

	mu    sync.Mutex // guards known
	known map[string]*remembered
}

// remembered is one reading of the store, under way until done is closed.
type remembered struct {
	done   chan struct{}
	client Client
	err    error // nil or ErrNoClient, once it is kept
	until  time.Time
}

// NewClients fails where two configured clients have one id.
func NewClients(c ClientsConfig) (*Clients, error) {
	if c.Store == nil || c.Now == nil {
		panic("oauth: NewClients needs Store and Now")
	}
	s := &Clients{store: c.Store, configured: map[string]Client{}, now: c.Now, known: map[string]*remembered{}}
	for _, one := range c.Configured {
		if _, twice := s.configured[one.ID]; twice {
			return nil, errors.New("oauth: two clients of the configuration have the id " + one.ID)
		}
		s.configured[one.ID] = one
	}
	return s, nil
}

// IsConfigured says whether the configuration has a client of that id.
func (s *Clients) IsConfigured(id string) bool {
	_, ok := s.configured[id]
	return ok
}

// Client is the one of an id; ErrNoClient. What was changed in the store counts within a second. Many who ask for one id at once cost one
// reading.
func (s *Clients) Client(ctx context.Context, id string) (Client, error) {
	if c, ok := s.configured[id]; ok {
		return c, nil
	}
	if checkID(id) != "" {
		return Client{}, ErrNoClient // no store has it
	}
	r, first := s.reading(id)
	if first {
		s.read(ctx, id, r)
	}
	select {
	case <-r.done:
		return r.client, r.err
	case <-ctx.Done():
		return Client{}, ctx.Err()
	}
}

// reading is what is known of id, or a new reading that the caller has to make.
func (s *Clients) reading(id string) (r *remembered, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if r, ok := s.known[id]; ok && (r.until.IsZero() || now.Before(r.until)) {
		return r, false
	}
	if len(s.known) >= maxRemembered {
		maps.DeleteFunc(s.known, func(_ string, r *remembered) bool { return !r.until.IsZero() && !now.Before(r.until) })
	}
	if len(s.known) >= maxRemembered {
		clear(s.known) // each is asked for again when it is needed
	}
	r = &remembered{done: make(chan struct{})}
	s.known[id] = r
	return r, true
}

// read asks the store, for all who wait: also when the one who asked first has gone.
func (s *Clients) read(ctx context.Context, id string, r *remembered) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), clientRead)
	defer cancel()
	began := s.now()
	c, err := s.store.Client(ctx, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	r.client, r.err, r.until = c, err, began.Add(clientMemory)
	if err != nil && !errors.Is(err, ErrNoClient) && s.known[id] == r {
		delete(s.known, id) // the next one asks again
	}
	close(r.done)
}

// forget has the next caller read the store: after a change that was made here.
func (s *Clients) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, id)
}

// List is all of them by id.
func (s *Clients) List(ctx context.Context) ([]Client, error) {
	all, err := s.store.Clients(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(c Client) bool { return s.IsConfigured(c.ID) })
	all = slices.AppendSeq(all, maps.Values(s.configured))
	slices.SortFunc(all, func(a, b Client) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}
