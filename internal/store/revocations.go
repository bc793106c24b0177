package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sandi-auth/sandi/internal/gaps"
	"github.com/sandi-auth/sandi/internal/revocation"
)

var _ revocation.Store = (*DB)(nil)

// revoke writes an entry that is handed on once it is committed.
func (t *tx) revoke(kind revocation.Kind, handle string, notBefore time.Time) error {
	keep, err := t.revocable()
	if err != nil {
		return err
	}
	e := revocation.Entry{Kind: kind, Handle: handle, NotBefore: notBefore, ExpiresAt: t.now.Add(keep)}
	seq, err := t.insert("seq", `INSERT INTO revocations (kind, handle, not_before, expires_at) VALUES (?, ?, ?, ?)`,
		e.Kind, e.Handle, millis(e.NotBefore), millis(e.ExpiresAt))
	if err != nil {
		return err
	}
	e.Seq = seq
	t.revoked = append(t.revoked, e)
	return nil
}

// issuable is the instant from which tokens of the user count: now, and the next whole second where they were
// revoked in this one. A watermark is compared in whole seconds, the unit of iat (RFC 7519 section 2).
func (t *tx) issuable(subject string) (time.Time, error) {
	keep, err := t.revocable()
	if err != nil {
		return time.Time{}, err
	}
	second := t.now.Truncate(time.Second)
	var n int
	// The entries of this second are those that expire last, which the index finds.
	err = one(context.Background(), t, []any{&n}, `SELECT COUNT(*) FROM revocations WHERE expires_at >= ? AND kind = ? AND handle = ?
		AND not_before >= ? AND not_before < ?`,
		millis(second.Add(keep)), revocation.User, subject, millis(second), millis(second.Add(time.Second)))
	if n > 0 {
		return second.Add(time.Second), err
	}
	return t.now, err
}

// Revocations returns at most limit entries with a Seq greater than after, ascending, with the epoch that they
// are of and a head that is no lower.
func (db *DB) Revocations(ctx context.Context, after int64, limit int) (p revocation.Page, err error) {
	for {
		p, err = db.revocations(ctx, after, min(limit, smallPage))
		n := len(p.Entries)
		if err == nil && n == smallPage && n < limit { // of a load
			p, err = db.manyRevocations(ctx, p, limit)
		}
		if !errors.Is(err, errReplaced) {
			err = db.dialect.fault("read revocations", err)
			db.outage.note(err, db.now())
			return p, err
		}
	}
}

const (
	smallPage    = 1000 // entries that are read with the epoch and the head
	rangesAtOnce = 100  // of one statement
	maxLate      = 1000 // entries of one answer
	purgeAtOnce  = 100  // rows of one statement
)

// revocations reads a page by one statement.
func (db *DB) revocations(ctx context.Context, after int64, limit int) (p revocation.Page, err error) {
	var row revocationRow
	ended := false
	err = each(ctx, db.readers, func(r *sql.Rows) error {
		err := row.scan(r)
		if row.expires < 0 { // not an entry: what is said of the feed
			ended, p.Epoch, p.Head = true, row.handle, row.seq
		} else {
			p.Entries = append(p.Entries, row.entry())
		}
		return err
	}, `SELECT seq, kind, handle, not_before, expires_at FROM (SELECT seq, kind, handle, not_before, expires_at
			FROM revocations WHERE seq > ? ORDER BY seq LIMIT ?) r
		UNION ALL SELECT (SELECT COALESCE(MAX(seq), 0) FROM revocations), '', value, 0, -1 FROM meta WHERE name = ?`, after, limit, metaEpoch)
	if err == nil && !ended {
		err = sql.ErrNoRows // of meta
	}
	inOrder(p.Entries)
	return p, err
}

var errReplaced = errors.New("history was replaced while it was read")

// manyRevocations reads on from p by statements that cost half as much an entry, two at once, for a node that starts waits for them.
// The epoch, read again after them, says that what they read is of the same history: errReplaced otherwise.
func (db *DB) manyRevocations(ctx context.Context, p revocation.Page, limit int) (revocation.Page, error) {
	from, more := p.Entries[len(p.Entries)-1].Seq, limit-len(p.Entries)
	middle, to := from+int64(more/2), from+int64(more) // more entries at most stand here, fewer where numbers are missing
	p.Entries = slices.Grow(p.Entries, more)
	var second []revocation.Entry
	g, both := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		second, err = db.appendRevocations(both, make([]revocation.Entry, 0, more-more/2), middle, to, more)
		return err
	})
	first, err := db.appendRevocations(both, p.Entries, from, middle, more)
	if err = cmp.Or(g.Wait(), err); err == nil {
		p.Entries = append(first, second...)
		p.Entries, err = db.appendRevocations(ctx, p.Entries, to, math.MaxInt64, limit-len(p.Entries))
	}
	if err != nil {
		return p, err
	}
	end, err := db.revocations(ctx, p.Entries[len(p.Entries)-1].Seq, 0)
	if err == nil && end.Epoch != p.Epoch {
		err = errReplaced
	}
	p.Head = end.Head
	return p, err
}

// appendRevocations reads at most limit entries after one Seq and up to another.
func (db *DB) appendRevocations(ctx context.Context, entries []revocation.Entry, after, to int64, limit int) ([]revocation.Entry, error) {
	if limit <= 0 {
		return entries, nil
	}
	var row revocationRow
	err := each(ctx, db.readers, func(r *sql.Rows) error {
		err := row.scan(r)
		entries = append(entries, row.entry())
		return err
	}, `SELECT seq, kind, handle, not_before, expires_at FROM revocations WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?`, after, to, limit)
	return entries, err
}

// revocationRow is a row as it is read a million times when a node starts: its kind costs no allocation.
type revocationRow struct {
	seq                int64
	kind               sql.RawBytes
	handle             string
	notBefore, expires int64
}

func (row *revocationRow) scan(r *sql.Rows) error {
	return r.Scan(&row.seq, &row.kind, &row.handle, &row.notBefore, &row.expires)
}

func (row *revocationRow) entry() revocation.Entry {
	return revocation.Entry{
		Seq: row.seq, Kind: revocation.KindOf(row.kind), Handle: row.handle,
		NotBefore: fromMillis(row.notBefore), ExpiresAt: fromMillis(row.expires),
	}
}

// inOrder makes sure of the order of Seq, which no database promises of a UNION and all of them keep.
func inOrder(entries []revocation.Entry) {
	bySeq := func(a, b revocation.Entry) int { return cmp.Compare(a.Seq, b.Seq) }
	if !slices.IsSortedFunc(entries, bySeq) {
		slices.SortFunc(entries, bySeq)
	}
}

// RevocationsIn returns the entries there are with a Seq in ranges, ascending, at most 1000 of them. ranges ascend.
func (db *DB) RevocationsIn(ctx context.Context, ranges []gaps.Range) (entries []revocation.Entry, err error) {
	for some := range slices.Chunk(ranges, rangesAtOnce) {
		query, args := rangesQuery(some, maxLate)
		err := each(ctx, db.readers, func(r *sql.Rows) error {
			var row revocationRow
			err := row.scan(r)
			entries = append(entries, row.entry())
			return err
		}, query, args...)
		if err != nil {
			return nil, db.dialect.fault("read revocations that were missing", err)
		}
		if len(entries) >= maxLate {
			inOrder(entries)
			return entries[:maxLate], nil
		}
	}
	inOrder(entries)
	return entries, nil
}

// rangesQuery looks each range up by itself, so that no planner walks the table for them. It is one of three texts: the last
// range is repeated, empty, for so few.
func rangesQuery(ranges []gaps.Range, limit int) (query string, args []any) {
	n := rangesAtOnce
	if few := 8; len(ranges) <= few {
		n = few
	}
	if len(ranges) == 1 {
		n = 1
	}
	for i := range n {
		r := gaps.Range{From: 0, To: -1}
		if i < len(ranges) {
			r = ranges[i]
		}
		args = append(args, r.From, r.To, limit)
	}
	const one = `SELECT seq, kind, handle, not_before, expires_at FROM (SELECT seq, kind, handle, not_before, expires_at
		FROM revocations WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?) r`
	return one + strings.Repeat(` UNION ALL `+one, n-1), args
}

// PurgeRevocations deletes at most limit entries that expired before now. The greatest seq stays: it is
// the head of the feed, which must not go back. So does every leaked key: a guard elsewhere may have it for as long as it cannot
// fetch others.
func (db *DB) PurgeRevocations(ctx context.Context, now time.Time, limit int) (n int, err error) {
	err = db.write(ctx, "purge revocations", func(t *tx) error {
		var old []any
		err := each(ctx, t, func(r *sql.Rows) error {
			var seq int64
			err := r.Scan(&seq)
			old = append(old, seq)
			return err
		}, `SELECT seq FROM revocations WHERE expires_at < ? AND seq < (SELECT MAX(seq) FROM revocations)
			AND (kind <> ? OR not_before <> 0) ORDER BY expires_at LIMIT ?`, millis(now), revocation.Key, limit)
		if err != nil {
			return err
		}
		n = len(old)
		for some := range slices.Chunk(old, purgeAtOnce) {
			for len(some) < purgeAtOnce { // one text of SQL, however few
				some = append(slices.Clip(some), some[0])
			}
			if _, err := t.exec(`DELETE FROM revocations WHERE seq IN (?`+strings.Repeat(`, ?`, purgeAtOnce-1)+`)`, some...); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}
