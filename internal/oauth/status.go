package oauth

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/web"
)

// StatusStore is what status lists are made of.
type StatusStore interface {
	// StatusBits are the places of a list that no longer count, in any order, of the size that were taken;
	// revocation.ErrNoList.
	StatusBits(ctx context.Context, list int64) (bits []int, size int, expires time.Time, err error)
}

const (
	// statusTTL is how long a verifier may go without asking again (draft-ietf-oauth-status-list section 5.1).
	statusTTL = time.Minute
	// statusLife is how long it may use a list where it cannot ask.
	statusLife = 15 * time.Minute
	// statusEvery is how often a node asks the store for a list at most, and how long caches on the way may keep one.
	statusEvery = 5 * time.Second
	// maxStatusLists of so many the node keeps the answers, of 230 KB at most each.
	maxStatusLists = 128
)

// statusReads bounds what one network may ask.
var statusReads = cluster.Rate{Burst: 300, Every: 50 * time.Millisecond}

// statusLists are the lists that this node published lately.
type statusLists struct {
	mu    sync.Mutex // guards known
	known map[int64]*publishedList
}

// publishedList is one answer, being made until done is closed.
type publishedList struct {
	done  chan struct{}
	token []byte
	etag  string
	sum   [sha256.Size]byte // of the bits
	made  time.Time         // when it was signed
	until time.Time         // when the store is asked again
	err   error
}

// status publishes a Token Status List (draft-ietf-oauth-status-list section 8.1) to whoever asks.
func (e *Endpoint) status(w http.ResponseWriter, r *http.Request) error {
	if wait := e.Limits.Take(r.Context(), "status:"+cluster.Network(web.Address(r.Context())), statusReads); wait > 0 { // 2
		return &problem.Error{Kind: problem.TooMany, Code: "too_many_requests", RetryAfter: wait}
	}
	list, err := strconv.ParseInt(r.PathValue("list"), 10, 64) // 4
	if err != nil || strconv.FormatInt(list, 10) != r.PathValue("list") {
		return errNoStatusList()
	}
	if r.URL.Query().Has("time") { // section 8.4: what a list said earlier is not kept
		w.WriteHeader(http.StatusNotImplemented)
		return nil
	}
	p, err := e.publishedList(r.Context(), list)
	if errors.Is(err, revocation.ErrNoList) {
		return errNoStatusList()
	}
	if err != nil {
		return err
	}
	h := w.Header() // 7
	h.Set("Content-Type", "application/statuslist+jwt")
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(statusEvery/time.Second)))
	h.Set("ETag", p.etag)
	if h.Get("Access-Control-Allow-Origin") == "" {
		h.Set("Access-Control-Allow-Origin", "*") // public by nature, and no cookie rides along
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.token))
	return nil
}

func errNoStatusList() error {
	return &problem.Error{Kind: problem.NotFound, Code: "not_found", Description: "there is no such status list, or not any more"}
}

// publishedList is the list as it was a few seconds ago at most: many who ask at once cost one reading of the store.
func (e *Endpoint) publishedList(ctx context.Context, list int64) (*publishedList, error) {
	p, last := e.lists.reading(list, e.Now())
	if p != last {
		e.publish(ctx, list, p, last)
	}
	select {
	case <-p.done:
		return p, p.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// reading is what is known of a list, which is last too; or a new one, that the caller has to fill in, and the last, nil for none.
func (s *statusLists) reading(list int64, now time.Time) (p, last *publishedList) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last = s.known[list]
	if last != nil && (last.until.IsZero() || now.Before(last.until)) {
		return last, last
	}
	if last == nil && len(s.known) >= maxStatusLists || s.known == nil {
		s.known = map[int64]*publishedList{} // each is made again when it is asked for
	}
	p = &publishedList{done: make(chan struct{})}
	s.known[list] = p
	return p, last
}

// publish fills p in, for all who wait, also when the one who asked first has gone; and forgets it where that fails.
func (e *Endpoint) publish(ctx context.Context, list int64, p, last *publishedList) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	now := e.Now()
	p.err = errors.New("status list was not made") // if that panics
	defer func() {
		e.lists.mu.Lock()
		defer e.lists.mu.Unlock()
		p.until = now.Add(statusEvery)
		if p.err != nil && e.lists.known[list] == p {
			delete(e.lists.known, list)
		}
		close(p.done)
	}()
	p.err = e.makeList(ctx, list, p, last, now)
}

// makeList signs what the store says, or takes over the last token where that says the same and is young.
func (e *Endpoint) makeList(ctx context.Context, list int64, p, last *publishedList, now time.Time) error {
	bits, size, expires, err := e.Store.StatusBits(ctx, list)
	if err != nil {
		return err
	}
	places := make([]byte, (size+7)/8)
	for _, bit := range bits {
		if bit >= 0 && bit < size {
			places[bit/8] |= 1 << (bit % 8) // from the least significant on, section 4.1
		}
	}
	p.sum = sha256.Sum256(places)
	if last != nil && last.sum == p.sum && now.Sub(last.made) < statusTTL/2 {
		p.token, p.etag, p.made = last.token, last.etag, last.made
		return nil
	}
	token, err := e.signList(list, places, now, expires)
	if err != nil {
		return err
	}
	tag := sha256.Sum256([]byte(token))
	p.token, p.etag, p.made = []byte(token), `"`+base64.RawURLEncoding.EncodeToString(tag[:16])+`"`, now
	return nil
}

// statusClaims are those of section 5.1.
type statusClaims struct {
	Issuer   string     `json:"iss"`
	Subject  string     `json:"sub"` // the list's own address
	IssuedAt int64      `json:"iat"`
	Expires  int64      `json:"exp"`
	TTL      int64      `json:"ttl"` // seconds
	List     statusList `json:"status_list"`
}

type statusList struct {
	Bits int    `json:"bits"`
	List string `json:"lst"`
}

// signList makes a Status List Token. What is in a list that expires is dead by then, and so is the list.
func (e *Endpoint) signList(list int64, places []byte, now, expires time.Time) (string, error) {
	var b bytes.Buffer
	z, err := zlib.NewWriterLevel(&b, zlib.BestCompression) // section 4.1
	if err == nil {
		_, err = z.Write(places)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return "", err
	}
	return e.Minter.Sign("statuslist+jwt", statusClaims{
		Issuer: e.Issuer, Subject: e.Status.URI(revocation.Place{List: list}),
		IssuedAt: now.Unix(), Expires: now.Add(statusLife).Unix(), TTL: int64(statusTTL / time.Second),
		List: statusList{Bits: 1, List: base64.RawURLEncoding.EncodeToString(b.Bytes())},
	})
}
