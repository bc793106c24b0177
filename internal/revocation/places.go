package revocation

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"maps"
	"strconv"
	"sync"
	"time"
)

const (
	// ListSize is the most places that one status list has: 128 KiB of bits.
	ListSize = 1 << 20
	// ListPath is where the status lists are published, below the issuer: a list's number follows.
	ListPath = "/oauth/status/"

	defaultBlock = 4096
	maxBlock     = 1 << 16
	// What expires within shortLived shares its list with what expires in the same hour, all else with that of the same day.
	shortLived = 4 * time.Hour
)

// ErrNoList is a status list that there is not, or not any more.
var ErrNoList = errors.New("no such status list")

// PlaceStore numbers the places of all nodes.
type PlaceStore interface {
	// TakePlaces gives n places, from first on, of a list that expires then, to whoever asks and nobody else, ever. n is at
	// most ListSize.
	TakePlaces(ctx context.Context, expires time.Time, n int) (list int64, first int, err error)
}

// PlacesConfig configures Places. Store and Issuer are required.
type PlacesConfig struct {
	Store  PlaceStore
	Issuer string
	// Block is how many places a node takes at a time: one write each, and those that it has not handed out when it stops are
	// lost. Default 4096, at most 65536.
	Block int
	// Now is the clock, default time.Now.
	Now func() time.Time
}

// Places hands out places in status lists: each one once, in an order that says nothing of who was first (draft-ietf-oauth-status-list
// sections 12 and 13). A list holds what expires in the same hour or day, so that it dies as a whole. It is safe for concurrent use.
type Places struct {
	cfg PlacesConfig

	mu     sync.Mutex // guards blocks
	blocks map[time.Time]*block
}

// block is what this node has of a list, by what expires when.
type block struct {
	turn  chan struct{} // held by whoever uses what follows: a channel, so that a caller who gives up need not wait
	list  int64
	first int
	left  []uint16 // offsets from first that were not handed out
}

// NewPlaces panics without a store or an issuer, and for a block that cannot be.
func NewPlaces(c PlacesConfig) *Places {
	c.Block = cmp.Or(c.Block, defaultBlock)
	if c.Store == nil || c.Issuer == "" || c.Block < 1 || c.Block > maxBlock {
		panic("revocation: NewPlaces needs Store and Issuer, and a Block of 1 to 65536")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Places{cfg: c, blocks: map[time.Time]*block{}}
}

// URI is the address of the place's list.
func (p *Places) URI(place Place) string {
	return p.cfg.Issuer + ListPath + strconv.FormatInt(place.List, 10)
}

// Next is a place that nothing had before, in a list that is published until expires at least. One in a few thousand calls
// asks the store, whose error it may return.
func (p *Places) Next(ctx context.Context, expires time.Time) (Place, error) {
	dies := bucket(p.cfg.Now(), expires)
	b := p.block(dies)
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return Place{}, ctx.Err()
	}
	defer func() { <-b.turn }()
	if len(b.left) == 0 {
		if err := p.fill(ctx, b, dies); err != nil {
			return Place{}, err
		}
	}
	return b.take(), nil
}

// bucket is when the list dies that what expires then is in.
func bucket(now, expires time.Time) time.Time {
	grain := 24 * time.Hour
	if expires.Sub(now) <= shortLived {
		grain = time.Hour
	}
	return expires.UTC().Truncate(grain).Add(grain)
}

// block is what there is of the list that dies then; those of the past are dropped.
func (p *Places) block(dies time.Time) *block {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.blocks[dies]
	if b == nil {
		now := p.cfg.Now()
		maps.DeleteFunc(p.blocks, func(dies time.Time, _ *block) bool { return dies.Before(now) })
		b = &block{turn: make(chan struct{}, 1)}
		p.blocks[dies] = b
	}
	return b
}

// fill takes another block. The caller has its turn.
func (p *Places) fill(ctx context.Context, b *block, dies time.Time) (err error) {
	if b.list, b.first, err = p.cfg.Store.TakePlaces(ctx, dies, p.cfg.Block); err != nil {
		return err
	}
	b.left = make([]uint16, p.cfg.Block)
	for i := range b.left {
		b.left[i] = uint16(i)
	}
	return nil
}

// take hands out any of those that are left. The caller has its turn.
func (b *block) take() Place {
	var r [8]byte
	rand.Read(r[:])
	i, last := binary.NativeEndian.Uint64(r[:])%uint64(len(b.left)), len(b.left)-1
	place := Place{List: b.list, Bit: b.first + int(b.left[i])}
	b.left[i] = b.left[last]
	b.left = b.left[:last]
	return place
}
