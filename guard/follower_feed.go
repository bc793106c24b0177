package guard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// feedPage is an answer of GET /revocations. Instants are Unix milliseconds, 0 for none.
type feedPage struct {
	Epoch   string      `json:"epoch"` // of the history that seq counts in
	Head    int64       `json:"head"`  // the highest seq there is
	Reset   bool        `json:"reset"` // this is the beginning, for the history asked about is not this one
	Entries []feedEntry `json:"entries"`
}

type feedEntry struct {
	Seq       int64          `json:"seq"`
	Kind      RevocationKind `json:"kind"`
	Handle    string         `json:"handle"`
	NotBefore int64          `json:"not_before"`
	ExpiresAt int64          `json:"expires_at"`
}

// stretch is what was read from some seq to the end of the feed.
type stretch struct {
	feedPage
	from  int64
	asked time.Time // by the list's clock, when its last page was
}

const maxFeedPage = 4 << 20 // bytes, of at most 1000 entries

var errHistory = errors.New("the server changed its history while it was read")

// follow reads from the cursor to the end of the feed, and then calls the list up to date. The
// first request waits for news.
func (f *Follower) follow(ctx context.Context, wait time.Duration) error {
	begun := f.cfg.Now()
	s, err := f.read(ctx, f.cursor(), wait)
	if err == nil && !s.Reset && s.Head < f.last { // asked about a gap, a process that lags answered, or of a history that went back
		s, err = f.read(ctx, f.last, 0) // which that resets
	}
	if err != nil {
		return fmt.Errorf("guard: read revocation feed %s: %w", shown(f.url), err)
	}
	entries := make([]RevocationEntry, len(s.Entries))
	for i, e := range s.Entries {
		entries[i] = RevocationEntry{Kind: e.Kind, Handle: e.Handle, NotBefore: instant(e.NotBefore), ExpiresAt: instant(e.ExpiresAt)}
		// What is not understood is not dropped: the list goes stale, and requests get 503.
		if err := entries[i].check(); err != nil {
			return fmt.Errorf("guard: read revocation feed %s: seq %d is a %w: update this program", shown(f.url), e.Seq, err)
		}
	}
	if s.Reset {
		if f.epoch != "" {
			f.cfg.Logger.WarnContext(ctx, "revocation history was replaced", "epoch", s.Epoch, "head", s.Head)
		}
		f.cfg.List.Reset(entries)
		f.gaps = nil
	} else {
		f.cfg.List.Add(entries...)
	}
	f.epoch = s.Epoch
	f.settle(s, begun)
	f.cfg.List.touchedAt(s.asked)
	return nil
}

func instant(milli int64) time.Time {
	if milli == 0 {
		return time.Time{}
	}
	return time.UnixMilli(milli)
}

// read collects pages until the end of the feed. Of another history it reads everything, and
// nothing counts before all is there.
func (f *Follower) read(ctx context.Context, after int64, wait time.Duration) (s stretch, err error) {
	s.Epoch, s.from = f.epoch, after
	for first := true; ; first = false {
		s.asked = f.cfg.List.time()
		p, err := f.ask(ctx, s.Epoch, after, wait)
		if err != nil {
			return s, err
		}
		if p.Reset && first {
			s.Reset, s.Epoch, s.from, after = true, p.Epoch, 0, 0
		}
		if p.Reset != (first && s.Reset) || p.Epoch != s.Epoch || p.Head < after {
			return s, errHistory
		}
		s.Head = p.Head
		for _, e := range p.Entries {
			if e.Seq <= after || e.Seq > p.Head {
				return s, fmt.Errorf("seq %d stands after %d, before head %d", e.Seq, after, p.Head)
			}
			after = e.Seq
		}
		if s.Entries = append(s.Entries, p.Entries...); len(p.Entries) == 0 || after == p.Head {
			return s, nil
		}
		wait = 0
	}
}

// ask sends one request.
func (f *Follower) ask(ctx context.Context, epoch string, after int64, wait time.Duration) (*feedPage, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+answerTime)
	defer cancel()
	credential, err := f.cfg.Credential(ctx)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	if credential == "" || strings.ContainsFunc(credential, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return nil, errors.New("credential is empty, or has characters that do not go into a header")
	}
	if f.url.Scheme == "http" {
		ctx = context.WithValue(ctx, plainKey{}, true)
	}
	u := *f.url
	u.RawQuery = url.Values{
		"epoch": {epoch}, "after": {strconv.FormatInt(after, 10)}, "wait": {strconv.Itoa(int(wait / time.Second))},
	}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+credential)
	res, err := f.client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, err
	}
	defer res.Body.Close()
	return readFeedPage(res)
}

func readFeedPage(res *http.Response) (*feedPage, error) {
	switch {
	case res.StatusCode == http.StatusUnauthorized:
		return nil, errors.New("answered 401: the credential is not in the server's revocation.readers_file")
	case res.StatusCode == http.StatusNotFound:
		return nil, errors.New("answered 404: the URL is wrong, or the server has no revocation.readers_file")
	case res.StatusCode/100 == 3:
		return nil, fmt.Errorf("answered %d, and redirects are not followed: configure the final URL", res.StatusCode)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("answered %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxFeedPage+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxFeedPage {
		return nil, fmt.Errorf("answer is over %d bytes", maxFeedPage)
	}
	var p feedPage
	if err := json.Unmarshal(body, &p); err != nil || p.Epoch == "" || p.Head < 0 {
		return nil, errors.New("answer is not a page of a revocation feed")
	}
	return &p, nil
}

// gap is seqs, first to last, that were not there when others beyond them were: transactions that
// commit later, or that never do, or entries that have expired.
type gap struct {
	first, last int64
	seen        time.Time
}

const (
	// gapLife is when a gap is not asked about again: the 5 s that a server gives a transaction, the
	// 2 s that it may itself be behind its store, and one for good measure.
	gapLife = 8 * time.Second
	// nearGap is how many entries are read again each time to ask about a gap.
	nearGap = 1000
)

// cursor is what to read after: the end, or before the first gap that is to be asked about. A gap
// far behind the end, such as entries that expired before the first Load, is so once, when it is
// old: what is in it by then is all there will be.
func (f *Follower) cursor() int64 {
	for _, g := range f.gaps {
		if f.last-g.first < nearGap || f.cfg.Now().Sub(g.seen) >= gapLife {
			return g.first - 1
		}
	}
	return f.last
}

// settle notes which seqs of a stretch, asked for at begun, are missing.
func (f *Follower) settle(s stretch, begun time.Time) {
	known := f.gaps
	later := slices.IndexFunc(known, func(g gap) bool { return g.first > s.from })
	if later < 0 {
		later = len(known)
	}
	f.gaps = slices.Clip(known[:later]) // those that were not asked about
	previous := s.from
	note := func(seq int64) {
		if g := (gap{previous + 1, seq - 1, f.cfg.Now()}); g.first <= g.last {
			for _, k := range known {
				if k.first <= g.first && g.first <= k.last {
					g.seen = k.seen
				}
			}
			if begun.Sub(g.seen) < gapLife {
				f.gaps = append(f.gaps, g)
			}
		}
		previous = seq
	}
	for _, e := range s.Entries {
		note(e.Seq)
	}
	note(s.Head + 1)
	f.last = s.Head
}
