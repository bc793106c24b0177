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

	"github.com/sandi-auth/sandi/internal/gaps"
)

// feedPage is an answer of GET /revocations?epoch=E&after=N&missing=12,15-17&wait=SECONDS, with instants in Unix milliseconds, 0 for
// none. The entries ascend by seq: those there are of the missing ones, at most 1000, then those after N of the history E, at
// most 1000. Whoever got some, or has not reached the head, asks again; without any the answer comes after the wait, 0 to 30 seconds.
//
// Transactions take their seq when they write and show it when they commit, so that an entry may come after one of a higher
// seq. The reader remembers the seqs that it did not get, asks whichever node answers for them with every request, for 30
// seconds, six times what a server gives a transaction, and is told when they come. missing has at most 100 ranges and 2 KiB.
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

// stretch is what was read from the cursor to the end of the feed, and of what was missing before it.
type stretch struct {
	feedPage
	after int64     // up to here it was read
	asked time.Time // by the list's clock, when its last page was
}

const (
	maxFeedPage = 4 << 20 // bytes, of at most 2000 entries
	// maxGaps is how many ranges are asked for, a hundred with a request. Beyond, all is read again.
	maxGaps = 1000
)

var errHistory = errors.New("the server changed its history while it was read")

// follow reads from the cursor to the end of the feed, and then calls the list up to date. The
// last request waits for news.
func (f *Follower) follow(ctx context.Context, wait time.Duration) error {
	begun := f.cfg.Now()
	s, err := f.read(ctx, wait)
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
		f.cfg.List.Reset(entries)
	} else {
		f.cfg.List.Add(entries...)
	}
	if f.settle(s, begun); f.gaps.Overflow() && !s.Reset {
		f.cfg.Logger.WarnContext(ctx, "too many revocations are missing to ask for each; reloading")
		f.epoch, f.last, f.gaps = "", 0, gaps.Tracker{} // to be read again before it is called up to date
		return nil
	}
	f.cfg.List.touchedAt(s.asked)
	return nil
}

// settle notes what was found and what is missing. begun is when it was asked for.
func (f *Follower) settle(s stretch, begun time.Time) {
	if s.Reset {
		f.gaps, f.last = gaps.Tracker{Max: maxGaps}, 0
	}
	seqs, found := make([]int64, 0, len(s.Entries)), false
	for _, e := range s.Entries {
		if e.Seq > f.last {
			seqs = append(seqs, e.Seq)
		} else {
			f.gaps.Found(e.Seq)
			found = true
		}
	}
	if !found { // else there may be more than an answer holds
		f.gaps.Asked(begun)
	}
	f.gaps.Seen(f.last, seqs, f.cfg.Now())
	f.epoch, f.last = s.Epoch, s.after
}

func instant(milli int64) time.Time {
	if milli == 0 {
		return time.Time{}
	}
	return time.UnixMilli(milli)
}

// read collects pages until the end of the feed, and asks for all that is missing. Of another history it reads everything, and
// nothing counts before all is there.
func (f *Follower) read(ctx context.Context, wait time.Duration) (s stretch, err error) {
	s.Epoch, s.after = f.epoch, f.last
	missing, rest := gaps.Format(f.gaps.Missing())
	if len(rest) > 0 { // the server wakes the last request alone, and for what that asks for
		wait = min(wait, time.Second)
	}
	for first := true; ; first = false {
		q := feedQuery{s.Epoch, s.after, missing, wait}
		if len(rest) > 0 || len(s.Entries) > 0 {
			q.wait = 0
		}
		s.asked = f.cfg.List.time()
		p, err := f.ask(ctx, q)
		if err != nil {
			return s, err
		}
		if p.Reset && first {
			f.distrust(ctx, p)
			s.Reset, s.Epoch, s.after, missing, rest = true, p.Epoch, 0, "", nil
		}
		if p.Reset != (first && s.Reset) || p.Epoch != s.Epoch || p.Head < s.after {
			return s, errHistory
		}
		if err := s.take(p, missing); err != nil {
			return s, err
		}
		if len(rest) == 0 && (len(p.Entries) == 0 || s.after == p.Head) {
			return s, nil
		}
		missing, rest = gaps.Format(rest)
	}
}

// distrust has the list answer nobody until the history that replaced the one it is of was read.
func (f *Follower) distrust(ctx context.Context, p *feedPage) {
	if f.epoch != "" {
		f.cfg.Logger.WarnContext(ctx, "revocation history was replaced", "epoch", p.Epoch, "head", p.Head)
		f.cfg.List.Distrust()
	}
}

// take adds a page that was asked for with missing. It must have nothing else, or what is missing would be taken for seen.
func (s *stretch) take(p *feedPage, missing string) error {
	asked, _ := gaps.Parse(missing) // which Format wrote
	var last int64
	for _, e := range p.Entries {
		late := slices.ContainsFunc(asked, func(r gaps.Range) bool { return r.From <= e.Seq && e.Seq <= r.To })
		if e.Seq <= last || e.Seq <= s.after && !late || e.Seq > p.Head {
			return fmt.Errorf("seq %d stands after %d, asked for after %d and %q, before head %d", e.Seq, last, s.after, missing, p.Head)
		}
		last = e.Seq
	}
	s.Head, s.after = p.Head, max(s.after, last)
	s.Entries = append(s.Entries, p.Entries...)
	return nil
}

// feedQuery is what is asked for.
type feedQuery struct {
	epoch   string
	after   int64
	missing string
	wait    time.Duration
}

func (q feedQuery) encode() string {
	v := url.Values{"epoch": {q.epoch}, "after": {strconv.FormatInt(q.after, 10)}, "wait": {strconv.Itoa(int(q.wait / time.Second))}}
	if q.missing != "" {
		v.Set("missing", q.missing)
	}
	return v.Encode()
}

// ask sends one request.
func (f *Follower) ask(ctx context.Context, q feedQuery) (*feedPage, error) {
	ctx, cancel := context.WithTimeout(ctx, q.wait+answerTime)
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
	u.RawQuery = q.encode()
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
