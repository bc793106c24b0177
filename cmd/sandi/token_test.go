package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// What is printed of a token from a stranger is the same JSON, and nothing that
// a terminal would obey.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{`{"sub":"siti","exp":1300819380,"a":[{}]}`, `{"a":1,"a":2}`, "{\"\u009b31m\":\"\u202e\U000e0001\"}", `{"exp":1e400}`, `{} {}`, `[`} {
		f.Add([]byte(s))
	}
	a := &app{now: func() time.Time { return time.Unix(1300819380, 0) }}
	f.Fuzz(func(t *testing.T, object []byte) {
		err := eachMember(object, func(string, json.RawMessage) error { return nil })
		valid := json.Valid(object) && bytes.HasPrefix(bytes.TrimSpace(object), []byte("{"))
		if valid != (err == nil) {
			t.Fatalf("eachMember(%q) = %v, valid %v", object, err, valid)
		}
		if err != nil {
			return
		}
		text, err := a.members("Claims", object)
		if err != nil || strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
			t.Fatalf("members(%q) = %q, %v", object, text, err)
		}
		var want, got any
		if !utf8.Valid(object) || json.Unmarshal(object, &want) != nil {
			return // a token is UTF-8; a number may be out of range
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, object); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(escapeJSON(compact.String())), &got); err != nil {
			t.Fatalf("escapeJSON(%q): %v", object, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("escapeJSON(%q) changes it:\n%s", object, diff)
		}
	})
}
