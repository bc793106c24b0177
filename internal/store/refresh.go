package store

import (
	"context"
	"time"

	"github.com/sandi-auth/sandi/internal/session"
)

// rotateAtOnce is a rotation on a database server without the round trips of a transaction: one statement that writes, and
// where that cannot answer with the row, one before it that reads. Of a session that is known it writes alone. done is false
// where it has done nothing, because there was no such row to update, or what has to be done is more: then a transaction decides.
func (db *DB) rotateAtOnce(ctx context.Context, p session.Presented, l session.Limits) (r session.Rotation, done bool, err error) {
	if err := db.callers.enter(); err != nil {
		return r, false, err
	}
	defer db.callers.leave()
	if err := ctx.Err(); err != nil {
		return r, false, err
	}
	// From here on the caller's end interrupts nothing: what is rotated is answered.
	ctx, cancel := context.WithTimeout(context.Background(), queryLimit)
	defer cancel()
	now := func() time.Time { return db.now().Truncate(time.Millisecond) }
	read := db.readThenRefresh
	if db.dialect.returning("") != "" {
		read = db.refreshReturning
	}
	r, done, err = db.rotateKnown(ctx, p, l, now())
	if !done && err == nil { // it may have waited for a change of the user, which revokes what was issued until then
		r, done, err = read(ctx, p, l, now())
	}
	if db.dialect.conflict(err) {
		return r, false, nil
	}
	return r, done, err
}

// refreshReturning is step 2 in one statement. It is never sent twice: what a lost one did is not known.
func (db *DB) refreshReturning(ctx context.Context, p session.Presented, l session.Limits, now time.Time) (r session.Rotation, done bool, err error) {
	const answer = ` RETURNING ` + knownColumns + `,
		(SELECT COALESCE(STRING_AGG(r.role, ' ' ORDER BY r.role), '') FROM user_roles r WHERE r.subject = u.subject),
		(SELECT before.user_version FROM sessions before WHERE before.id = s.id)`
	query, args := extend+refreshFrom+answer, refreshArgs(p, l, now)
	if l.Rotate {
		query, args = rotate+refreshFrom+outOfRetry+db.inTime()+answer, append(args, db.late())
	}
	rows, err := db.writers.QueryContext(ctx, db.dialect.rebind(query), args...)
	if err != nil {
		return r, false, err
	}
	defer rows.Close()
	if !rows.Next() {
		return r, false, rows.Err()
	}
	var k known
	var version int64 // when the statement began, as all that it says of the user; of the session it says what it is now
	if err := rows.Scan(append(k.dest(words{&k.user.Roles}), &version)...); err != nil {
		return r, false, err
	}
	if err := rows.Close(); err != nil { // only now it is committed
		return r, false, err
	}
	if version == k.version {
		db.memory.remember(k)
	}
	r = rotation(k.session, k.user, now)
	r.Step = refreshed(l)
	return r, true, rows.Err()
}

// readThenRefresh reads the row and its user, classifies, and updates the row by its key if it is still as it was read.
// Whoever changes the user or the roles changes its user_version in the same transaction, so that nothing else need be asked.
func (db *DB) readThenRefresh(ctx context.Context, p session.Presented, l session.Limits, now time.Time) (r session.Rotation, done bool, err error) {
	const asRead = ` WHERE s.id = ? AND s.generation = ? AND s.rotated_at = ? AND s.user_version = ? AND s.ended_at = 0`
	k, err := readKnown(ctx, db.readers, p.ID)
	if err != nil {
		return r, false, err
	}
	s := k.session
	r = rotation(s, k.user, now)
	switch r.Step = session.Classify(s, k.user, p, l, now); {
	case r.Step == session.StepReuse || r.Step == session.StepForward || r.Step == session.StepRefused:
		return r, false, nil // what is final is said by a server that may write, and not by a replica that is behind
	case r.Step != refreshed(l):
		return r, true, nil // and nothing changes
	}
	refreshedAt(&r.Session, l, now)
	at, idle := millis(now), millis(r.Session.IdleExpiresAt)
	query, args := extend+asRead, []any{at, idle, idle}
	if l.Rotate {
		query, args = rotate+asRead, append(args, at)
		r.Session.Generation, r.Session.RotatedAt = s.Generation+1, now
	}
	args = append(args, p.ID[:], s.Generation, millis(s.RotatedAt), k.version, db.late())
	n, err := affected(db.writers.ExecContext(ctx, query+db.inTime(), args...))
	if err != nil || n == 0 {
		return r, false, err
	}
	db.memory.remember(k)
	return r, true, nil
}

// inTime is the condition of a rotation that nobody must miss: one whose statement lay in a socket, while the database was away or
// slow, and whose caller has been told to come again, is not done later without his knowing. Its argument is late.
func (db *DB) inTime() string { return ` AND ` + db.dialect.clock() + ` <= ?` }

// late is when, by the database's clock as it was read last, a statement that is sent now may be begun no more: a little before
// its caller gives up, by as much as that reading may be off.
func (db *DB) late() int64 {
	return time.Now().Add(queryLimit-300*time.Millisecond).UnixMilli() + db.ahead.Load()
}
