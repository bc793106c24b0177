package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/key"
)

// Factor reads a user's second factor; account.ErrNoFactor.
func (db *DB) Factor(ctx context.Context, subject string) (account.Factor, error) {
	f, err := readFactor(ctx, db.readers, subject)
	return f, db.dialect.fault("read second factor", err)
}

func readFactor(ctx context.Context, q querier, subject string) (account.Factor, error) {
	f := account.Factor{Subject: subject}
	err := one(ctx, q, []any{&f.Sealed, instant{&f.ConfirmedAt}, &f.LastStep},
		`SELECT f.sealed, f.confirmed_at, f.last_step FROM factors f WHERE f.subject = ?`, subject)
	if errors.Is(err, sql.ErrNoRows) {
		err = account.ErrNoFactor
	}
	return f, err
}

// PutFactor keeps an unconfirmed second factor, as account.FactorStore has it. The store's lock keeps a change of the
// master key from missing it.
func (db *DB) PutFactor(ctx context.Context, subject string, sealed []byte, master string) error {
	return db.write(ctx, "keep second factor", func(t *tx) error {
		if err := t.lockStore(); err != nil {
			return err
		}
		if current, err := readMaster(ctx, t); err != nil || current != master {
			return cmp.Or(err, account.ErrOtherMaster)
		}
		if _, err := t.lockUser(subject); err != nil {
			return err
		}
		f, err := readFactor(ctx, t, subject)
		if err == nil && !f.ConfirmedAt.IsZero() {
			return account.ErrFactor
		}
		if err != nil && !errors.Is(err, account.ErrNoFactor) {
			return err
		}
		_, err = t.exec(`INSERT INTO factors (subject, sealed, confirmed_at, last_step) VALUES (?, ?, 0, 0)`+
			t.dialect.replacing("subject", "sealed", "confirmed_at", "last_step"), subject, sealed)
		return err
	})
}

// ConfirmFactor makes a second factor count, as account.FactorStore has it.
func (db *DB) ConfirmFactor(ctx context.Context, f account.Factor, step int64, codes [][32]byte, e audit.Event) error {
	return db.write(ctx, "confirm second factor", func(t *tx) error {
		if _, err := t.lockUser(f.Subject); err != nil {
			return err
		}
		n, err := t.exec(`UPDATE factors SET confirmed_at = ?, last_step = ? WHERE subject = ? AND confirmed_at = 0 AND sealed = ?`,
			millis(t.now), step, f.Subject, f.Sealed)
		if err != nil || n == 0 {
			return cmp.Or(err, account.ErrNoFactor)
		}
		if err := t.putRecovery(f.Subject, codes); err != nil {
			return err
		}
		return t.audit(e)
	})
}

// UseStep spends a time step, as account.FactorStore has it.
func (db *DB) UseStep(ctx context.Context, f account.Factor, step int64) error {
	return db.write(ctx, "use second factor", func(t *tx) error {
		n, err := t.exec(`UPDATE factors SET last_step = ? WHERE subject = ? AND confirmed_at = ? AND confirmed_at > 0 AND last_step < ?`,
			step, f.Subject, millis(f.ConfirmedAt), step)
		if err == nil && n == 0 {
			err = account.ErrFactorCode
		}
		return err
	})
}

// UseRecovery spends a recovery code, as account.FactorStore has it.
func (db *DB) UseRecovery(ctx context.Context, subject string, code [32]byte, e audit.Event) error {
	return db.write(ctx, "use recovery code", func(t *tx) error {
		n, err := t.exec(`UPDATE recovery_codes SET used_at = ? WHERE subject = ? AND hash = ? AND used_at = 0`, millis(t.now), subject, code[:])
		if err != nil || n == 0 {
			return cmp.Or(err, account.ErrFactorCode)
		}
		var left int
		if err := one(ctx, t, []any{&left}, `SELECT COUNT(*) FROM recovery_codes r WHERE r.subject = ? AND r.used_at = 0`, subject); err != nil {
			return err
		}
		e.Detail = map[string]string{"left": strconv.Itoa(left)}
		return t.audit(e)
	})
}

// ReplaceRecovery replaces the recovery codes, as account.FactorStore has it.
func (db *DB) ReplaceRecovery(ctx context.Context, subject string, codes [][32]byte, e audit.Event) error {
	return db.write(ctx, "replace recovery codes", func(t *tx) error {
		if _, err := t.lockUser(subject); err != nil {
			return noFactor(err)
		}
		if f, err := readFactor(ctx, t, subject); err != nil || f.ConfirmedAt.IsZero() {
			return cmp.Or(err, account.ErrNoFactor)
		}
		if err := t.putRecovery(subject, codes); err != nil {
			return err
		}
		return t.audit(e)
	})
}

func (t *tx) putRecovery(subject string, codes [][32]byte) error {
	if _, err := t.exec(`DELETE FROM recovery_codes WHERE subject = ?`, subject); err != nil {
		return err
	}
	for _, code := range codes {
		if _, err := t.exec(`INSERT INTO recovery_codes (subject, hash, used_at) VALUES (?, ?, 0)`, subject, code[:]); err != nil {
			return err
		}
	}
	return nil
}

// RemoveFactor deletes a second factor, as account.FactorStore has it.
func (db *DB) RemoveFactor(ctx context.Context, subject string, e audit.Event) error {
	return db.write(ctx, "remove second factor", func(t *tx) error {
		if _, err := t.lockUser(subject); err != nil {
			return noFactor(err)
		}
		n, err := t.exec(`DELETE FROM factors WHERE subject = ?`, subject)
		if err != nil || n == 0 {
			return cmp.Or(err, account.ErrNoFactor)
		}
		if err := t.putRecovery(subject, nil); err != nil {
			return err
		}
		return t.audit(e)
	})
}

// noFactor is what an unknown user has.
func noFactor(err error) error {
	if errors.Is(err, account.ErrNotFound) {
		return account.ErrNoFactor
	}
	return err
}

// resealBatch is how many seals one transaction replaces.
const resealBatch = 200

// resealFactors replaces the seals of all second factors, each batch by itself: as many as there may be are more than one
// transaction may take.
func (db *DB) resealFactors(ctx context.Context, reseal key.Reseal) error {
	for last, all := "", false; !all; {
		from := last
		err := db.write(ctx, "seal second factors anew", func(t *tx) (err error) {
			last, all, err = t.resealFactors(from, reseal)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// resealFactors replaces the seals of some second factors above a subject, and says how far it came and whether that is all of them. What
// changed since it was read is another's to seal.
func (t *tx) resealFactors(after string, reseal key.Reseal) (last string, all bool, err error) {
	var factors []account.Factor
	err = each(context.Background(), t, func(r *sql.Rows) error {
		var f account.Factor
		err := r.Scan(&f.Subject, &f.Sealed)
		factors = append(factors, f)
		return err
	}, `SELECT f.subject, f.sealed FROM factors f WHERE f.subject > ? ORDER BY f.subject LIMIT ?`, after, resealBatch)
	for _, f := range factors {
		last = f.Subject
		sealed, err := reseal(f.Sealed, account.FactorPlace(f.Subject))
		if err != nil {
			return "", false, fmt.Errorf("seal second factor of %s anew, or remove it (sandi user factor-reset): %w", f.Subject, err)
		}
		if slices.Equal(sealed, f.Sealed) {
			continue
		}
		if _, err := t.exec(`UPDATE factors SET sealed = ? WHERE subject = ? AND sealed = ?`, sealed, f.Subject, f.Sealed); err != nil {
			return "", false, err
		}
	}
	return last, len(factors) < resealBatch, err
}
