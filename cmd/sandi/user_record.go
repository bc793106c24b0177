package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sandi-auth/sandi/internal/account"
)

// userRecord is a user in a file: what import reads and export writes, one
// JSON object a line, or a row of CSV with these names in its first one.
type userRecord struct {
	Username          string   `json:"username"`
	PasswordHash      string   `json:"password_hash,omitempty"`
	Password          string   `json:"password,omitempty"`
	Roles             []string `json:"roles"`
	Disabled          bool     `json:"disabled"`
	CreatedAt         string   `json:"created_at,omitempty"`
	PasswordChangedAt string   `json:"password_changed_at,omitempty"`
}

func recordOf(u account.User) userRecord {
	return userRecord{
		Username: u.Username, PasswordHash: u.PasswordHash, Roles: append([]string{}, u.Roles...), Disabled: u.Disabled,
		CreatedAt: u.CreatedAt.Format(time.RFC3339Nano), PasswordChangedAt: u.PasswordChangedAt.Format(time.RFC3339Nano),
	}
}

// user is the record as it stands on a line. No error quotes what the record
// says: where columns are mixed up, that may be a password.
func (r userRecord) user(line int) (account.Imported, error) {
	u := account.Imported{
		Line: line, Username: r.Username, PasswordHash: r.PasswordHash, Password: r.Password, Roles: r.Roles, Disabled: r.Disabled,
	}
	var err error
	if u.CreatedAt, err = parseInstant("created_at", r.CreatedAt); err != nil {
		return u, err
	}
	u.PasswordChangedAt, err = parseInstant("password_changed_at", r.PasswordChangedAt)
	return u, err
}

// parseInstant reads RFC 3339, and what databases print instead of its T.
func parseInstant(name, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z07"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New(name + " is not a time with its zone, as 2026-01-31T12:00:00Z is")
}

// lineFault is a line that is no user.
type lineFault struct {
	line int
	err  error
}

func (f *lineFault) Error() string { return fmt.Sprintf("line %d: %v", f.line, f.err) }

// userSource reads users, one at a time: io.EOF after the last one, *lineFault for a line that is none.
type userSource interface {
	next() (account.Imported, error)
}

const longestLine = 64 << 10 // bytes

// openSource reads users from r, in the format of that name; where it is empty
// the end of the file's name tells, and then the first byte.
func openSource(r io.Reader, format, name string) (userSource, error) {
	if name == "-" {
		name = "standard input"
	}
	in := bufio.NewReaderSize(r, longestLine)
	if bom, _ := in.Peek(3); string(bom) == "\ufeff" {
		_, _ = in.Discard(3)
	}
	if format == "" {
		format = map[string]string{".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}[strings.ToLower(filepath.Ext(name))]
	}
	first, err := in.Peek(1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, readFault(name, err)
	}
	if len(first) == 0 {
		return nil, fault("was there a fault where it was made?", "%s is empty", name)
	}
	if format == "" {
		format = "csv"
		if string(first) == "{" || string(first) == "[" {
			format = "jsonl"
		}
	}
	switch {
	case format == "jsonl" && string(first) == "[":
		return nil, fault("write one object a line, as 'jq -c .[]' does", "%s is one JSON array", name)
	case format == "jsonl":
		return &jsonUsers{in: in}, nil
	case format == "csv":
		return newCSVUsers(in)
	}
	return nil, usage("it is jsonl or csv", "there is no format %q", format)
}

// jsonUsers are JSON Lines.
type jsonUsers struct {
	in   *bufio.Reader
	line int
}

func (s *jsonUsers) next() (account.Imported, error) {
	for {
		text, err := s.in.ReadSlice('\n')
		s.line++
		if errors.Is(err, bufio.ErrBufferFull) {
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = s.in.ReadSlice('\n')
			}
			return account.Imported{}, &lineFault{s.line, fmt.Errorf("longer than %d bytes", longestLine)}
		}
		if err != nil && !(errors.Is(err, io.EOF) && len(text) > 0) {
			return account.Imported{}, err
		}
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		var r userRecord
		err = decodeRecord(text, &r)
		u, wrong := r.user(s.line)
		if err = errors.Join(err, wrong); err != nil {
			return u, &lineFault{s.line, err}
		}
		return u, nil
	}
}

func decodeRecord(text []byte, r *userRecord) error {
	if !utf8.Valid(text) {
		return errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(r)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s cannot be a JSON %s", cmp.Or(wrong.Field, "a user"), strings.Fields(wrong.Value)[0])
	}
	if err != nil {
		// Of encoding/json's errors only this one is of use; it quotes a name, never a value.
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return fmt.Errorf("there is no field %.40s", name)
		}
		return errors.New("not a JSON object")
	}
	if d.More() {
		return errors.New("more than one JSON object")
	}
	return nil
}

// csvUsers are rows of CSV (RFC 4180).
type csvUsers struct {
	in     *csv.Reader
	rows   *boundedRows
	header []string
	last   int // line of the row that was read last
}

// boundedRows ends within a row that is too long, as after a quote that nobody closed: csv.Reader would hold all of it.
type boundedRows struct {
	r    io.Reader
	left int  // bytes that may be read for this row; csv.Reader may have up to 4096 of it already
	over bool // it was longer
}

var errLongRow = fmt.Errorf("longer than %d bytes", longestLine)

func (b *boundedRows) Read(p []byte) (int, error) {
	if b.over = b.over || b.left == 0; b.over {
		return 0, errLongRow
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// columns are the names that the first row may have.
var columns = []string{"username", "password_hash", "password", "roles", "disabled", "created_at", "password_changed_at"}

func newCSVUsers(in io.Reader) (*csvUsers, error) {
	rows := &boundedRows{r: in}
	s := &csvUsers{in: csv.NewReader(rows), rows: rows}
	header, err := s.row()
	if err != nil {
		return nil, fmt.Errorf("read the first row: %w", err)
	}
	for n, name := range header {
		if !slices.Contains(columns, name) || slices.Contains(header[:n], name) {
			return nil, fault("the first row names the columns: "+strings.Join(columns, ", "), "column %d of the first row has no name that is known, or one twice", n+1)
		}
	}
	if !slices.Contains(header, "username") {
		return nil, fault("the first row names the columns: "+strings.Join(columns, ", "), "there is no column username")
	}
	s.header = slices.Clone(header)
	return s, nil
}

// row reads the next row. One that is too long ends the reading: where the next begins cannot be told.
func (s *csvUsers) row() ([]string, error) {
	s.rows.left = longestLine + 1 // so that the end of the file is seen after the longest
	row, err := s.in.Read()
	if s.rows.over {
		return nil, fault("is a quote missing at its end?", "the row after line %d: %v", s.last, errLongRow)
	}
	if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
		s.last = wrong.Line
		return nil, &lineFault{wrong.StartLine, wrong.Err}
	}
	if err == nil {
		line, _ := s.in.FieldPos(0)
		s.last = line + strings.Count(strings.Join(row, ""), "\n")
	}
	return row, err
}

func (s *csvUsers) next() (account.Imported, error) {
	row, err := s.row()
	if err != nil {
		return account.Imported{}, err
	}
	line, _ := s.in.FieldPos(0)
	u, err := s.record(row)
	if err != nil {
		return u, &lineFault{line, err}
	}
	u.Line = line
	return u, nil
}

// record is the user in a row.
func (s *csvUsers) record(row []string) (account.Imported, error) {
	var r userRecord
	var wrong error
	for n, value := range row {
		switch s.header[n] {
		case "username":
			r.Username = value
		case "password_hash":
			r.PasswordHash = value
		case "password":
			r.Password = value
		case "roles":
			r.Roles = strings.FieldsFunc(value, func(c rune) bool { return c == ' ' || c == ',' || c == ';' })
		case "disabled":
			var err error
			if r.Disabled, err = strconv.ParseBool(value); err != nil && value != "" {
				wrong = errors.New("disabled is neither true nor false")
			}
		case "created_at":
			r.CreatedAt = value
		case "password_changed_at":
			r.PasswordChangedAt = value
		}
	}
	u, err := r.user(0)
	return u, errors.Join(wrong, err)
}
