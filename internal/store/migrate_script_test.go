package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseScript(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       []string
		fault      string
	}{
		{name: "two", text: "-- +goose Up\n-- A comment; of no account.\nCREATE TABLE a (\n    b INT -- c;\n);\n\nDROP TABLE b;\n", want: []string{"CREATE TABLE a (\n    b INT -- c;\n);", "DROP TABLE b;"}},
		{
			name: "block", text: "-- +goose Up\r\n-- +goose StatementBegin\r\nBEGIN\r\n  a;\r\n\r\n  -- b\r\nEND;\r\n-- +goose StatementEnd\r\nc;",
			want: []string{"BEGIN\r\n  a;\r\n\r\n  -- b\r\nEND;", "c;"},
		},
		{name: "alone", text: "-- +goose NO TRANSACTION\n\n-- +goose Up\na;\n", want: []string{"alone", "a;"}},
		{name: "cut", text: "-- +goose Up\na;\nCREATE TABLE b (", fault: `"CREATE TABLE b (" does not end with a semicolon`},
		{name: "open block", text: "-- +goose Up\n-- +goose StatementBegin\na;\n", fault: "does not end"},
		{name: "empty", text: "-- +goose Up\n", fault: "does not end"},
		{name: "no Up", text: "a;\n", fault: `"a;" stands before -- +goose Up`},
		{name: "down", text: "-- +goose Up\na;\n-- +goose Down\nb;\n", fault: `"-- +goose Down" is not for here`},
		{name: "end alone", text: "-- +goose Up\n-- +goose StatementEnd\n", fault: "is not for here"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, alone, err := parseScript(tt.text)
			if alone {
				got = slices.Insert(got, 0, "alone")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// A migration that fails says which statement it was, and those behind it are not tried.
func TestRunAll(t *testing.T) {
	t.Parallel()
	var done []string
	exec := func(_ context.Context, s string, _ ...any) (sql.Result, error) {
		if done = append(done, s); s == "b" {
			return nil, errors.New("no")
		}
		return nil, nil
	}
	if err := runAll(t.Context(), exec, []string{"a", "b", "c"}); err == nil || err.Error() != "statement 2: no" || len(done) != 2 {
		t.Errorf("got %v after %v", err, done)
	}
}
