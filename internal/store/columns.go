package store

import (
	"fmt"
	"strings"
	"time"
)

// millis is how an instant is stored: Unix milliseconds, 0 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// fromMillis is the inverse of millis.
func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// instant scans what millis stored.
type instant struct{ t *time.Time }

// Scan implements sql.Scanner.
func (i instant) Scan(src any) error {
	ms, ok := src.(int64)
	if !ok {
		return fmt.Errorf("not an instant: %T", src)
	}
	*i.t = fromMillis(ms)
	return nil
}

// moment scans the time of a migration, which each database writes in its own way, always in UTC.
type moment struct{ t *time.Time }

// Scan implements sql.Scanner.
func (m moment) Scan(src any) (err error) {
	switch v := src.(type) {
	case time.Time:
		*m.t = v.UTC()
	case string:
		*m.t, err = time.Parse(time.DateTime, v)
	case []byte:
		*m.t, err = time.Parse(time.DateTime, string(v))
	default:
		err = fmt.Errorf("not a time: %T", src)
	}
	return err
}

// text is what every database keeps in a column of text: UTF-8 without the NUL.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// bytes scans a BLOB into an array of exactly its length; NULL leaves zeros.
type bytes struct{ to []byte }

// Scan implements sql.Scanner.
func (b bytes) Scan(src any) error {
	clear(b.to)
	if src == nil {
		return nil
	}
	from, ok := src.([]byte)
	if !ok || len(from) != len(b.to) {
		return fmt.Errorf("not %d bytes: %T", len(b.to), src)
	}
	copy(b.to, from)
	return nil
}

// words scans a list that was joined by spaces; an empty one is nil.
type words struct{ to *[]string }

// Scan implements sql.Scanner.
func (w words) Scan(src any) error {
	switch s := src.(type) {
	case string:
		*w.to = strings.Fields(s)
	case []byte:
		*w.to = strings.Fields(string(s))
	default:
		return fmt.Errorf("not a list of words: %T", src)
	}
	if len(*w.to) == 0 {
		*w.to = nil
	}
	return nil
}

// span scans a duration that is stored in milliseconds.
type span struct{ d *time.Duration }

// Scan implements sql.Scanner.
func (s span) Scan(src any) error {
	ms, ok := src.(int64)
	if !ok {
		return fmt.Errorf("not a duration: %T", src)
	}
	*s.d = time.Duration(ms) * time.Millisecond
	return nil
}
