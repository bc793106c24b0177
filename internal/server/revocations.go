package server

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/gaps"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/web"
)

// revocationPage is an answer of GET /revocations?epoch=E&after=N&missing=12,15-17&wait=SECONDS: the entries after seq N of
// the history E, at most 1000; who read less than head asks again. Before them stand those there are of the missing ones up to N, at
// most 1000: transactions commit out of order, and whichever node is asked has what the reader lacks. missing has at most 100
// ranges, ascending, in at most 2 KiB; a reader with more asks several times, or without epoch for everything. Without any entry the
// answer comes after wait seconds, 0 to 30, by default 25. reset says that E is not this history, or N beyond its head, and that
// the entries are the first ones.
type revocationPage struct {
	Epoch   string            `json:"epoch"`
	Head    int64             `json:"head"`
	Reset   bool              `json:"reset"`
	Entries []revocationEntry `json:"entries"`
}

// revocationEntry has its instants in Unix milliseconds, as the store has them, so that none is rounded; 0 is none.
type revocationEntry struct {
	Seq       int64           `json:"seq"`
	Kind      revocation.Kind `json:"kind"`
	Handle    string          `json:"handle"`
	NotBefore int64           `json:"not_before"`
	ExpiresAt int64           `json:"expires_at"`
}

// readRevocations answers GET /revocations, a long poll for resource servers in other processes.
func (s *Server) readRevocations(w http.ResponseWriter, r *http.Request) error {
	// 3 client
	secret, sent := bearer(r)
	name, ok := s.readers.find(secret)
	if !ok {
		e := &guard.Error{Reason: guard.TokenInvalid, Realm: "revocations"}
		if !sent {
			e.Reason = guard.TokenMissing
		}
		s.web.NoteGuard(r.Context(), "", string(e.Reason))
		guard.WriteError(w, r, e)
		return nil
	}
	web.SetSubject(r.Context(), "reader "+name)
	// 4 request
	q, err := readQuery(r.URL.Query())
	if err != nil {
		return err
	}
	// What is left of http.Server.ReadTimeout would end a long wait; without any a body that never comes would be waited for.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(q.Wait + 10*time.Second))
	// 7 write
	p, reset, err := s.feed.Read(r.Context(), name, q)
	if errors.Is(err, revocation.ErrBehind) || errors.Is(err, revocation.ErrBusy) {
		return &problem.Error{Kind: problem.Unavailable, Code: "temporarily_unavailable", RetryAfter: time.Second, Cause: err}
	}
	if err != nil {
		return err
	}
	page := revocationPage{Epoch: p.Epoch, Head: p.Head, Reset: reset, Entries: make([]revocationEntry, len(p.Entries))}
	for i, e := range p.Entries {
		page.Entries[i] = revocationEntry{e.Seq, e.Kind, e.Handle, milli(e.NotBefore), milli(e.ExpiresAt)}
	}
	return web.JSON(w, http.StatusOK, page)
}

func readQuery(v url.Values) (q revocation.Query, err error) {
	seconds := int64(25)
	for _, n := range []struct {
		name string
		most int64
		into *int64
	}{{"after", 1<<63 - 1, &q.After}, {"wait", 30, &seconds}} {
		if !v.Has(n.name) {
			continue
		}
		number, err := strconv.ParseInt(v.Get(n.name), 10, 64)
		if err != nil || number < 0 || number > n.most {
			return q, problem.InvalidField(n.name, "field_wrong_type")
		}
		*n.into = number
	}
	q.Missing, err = gaps.Parse(v.Get("missing"))
	if n := len(q.Missing); err != nil || n > 0 && q.Missing[n-1].To > q.After {
		return q, problem.InvalidField("missing", "field_wrong_type")
	}
	q.Epoch, q.Wait = v.Get("epoch"), time.Duration(seconds)*time.Second
	return q, nil
}

// bearer is the credential of RFC 6750 section 2.1, and whether there is one.
func bearer(r *http.Request) (secret string, sent bool) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimLeft(secret, " "), true
}

func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
