package web_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
)

type credentials struct {
	Username string `json:"username"`
	Count    int    `json:"count"`
}

// secure-defaults 14a, 14d
func TestDecode(t *testing.T) {
	t.Parallel()
	const ct = "application/json"
	for _, tt := range []struct {
		name, contentType, body string
		kind                    problem.Kind
		field, sentence         string
	}{
		{"fine", ct, `{"username":"a","count":1,"other":{"x":[1,2]}}`, -1, "", ""},
		{"charset", "application/json; charset=utf-8", `{}`, -1, "", ""},
		{"form", "application/x-www-form-urlencoded", "username=a", problem.UnsupportedMedia, "", ""},
		{"no type", "", `{}`, problem.UnsupportedMedia, "", ""},
		{"empty", ct, "", problem.Invalid, "", "json_malformed"},
		{"array", ct, "[]", problem.Invalid, "", "json_malformed"},
		{"cut off", ct, `{"username":"a"`, problem.Invalid, "", "json_malformed"},
		{"two objects", ct, `{}{}`, problem.Invalid, "", "json_malformed"},
		{"name twice", ct, `{"username":"a","username":"b"}`, problem.Invalid, "username", "field_twice"},
		{"nested name twice", ct, `{"x":[{"y":1,"y":2}]}`, problem.Invalid, "y", "field_twice"},
		{"other capitals", ct, `{"USERNAME":"a"}`, problem.Invalid, "USERNAME", "field_case"},
		{"wrong type", ct, `{"username":1}`, problem.Invalid, "username", "field_wrong_type"},
		{"wrong type of number", ct, `{"count":"x"}`, problem.Invalid, "count", "field_wrong_type"},
		{"number out of range", ct, `{"count":1e99}`, problem.Invalid, "count", "field_wrong_type"},
		{"not UTF-8", ct, "{\"username\":\"\xff\"}", problem.Invalid, "", "json_malformed"},
		{"deep", ct, `{"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`, problem.Invalid, "", "json_malformed"},
		{"as deep as it may be", ct, `{"x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`, -1, "", ""}, // secure-defaults 14d
		{"one deeper", ct, `{"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, problem.Invalid, "", "json_malformed"},
		{"thousands of members", ct, `{"x":[1` + strings.Repeat(",1", 2000) + `]}`, problem.Invalid, "", "json_malformed"},
		{"half a surrogate pair", ct, `{"username":"\ud800"}`, problem.Invalid, "", "json_malformed"},
		{"its other half", ct, `{"username":"\udc00\ud800"}`, problem.Invalid, "", "json_malformed"},
		{"a whole pair", ct, `{"username":"\ud83d\ude00 \\ud800"}`, -1, "", ""},
		{"large", ct, `{"username":"` + strings.Repeat("a", web.MaxBody) + `"}`, problem.TooLarge, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("POST", "/", strings.NewReader(tt.body))
			if tt.contentType != "" {
				r.Header.Set("Content-Type", tt.contentType)
			}
			err := web.Decode(httptest.NewRecorder(), r, &credentials{})
			if tt.kind == -1 {
				if err != nil {
					t.Fatalf("got %v, want none", err)
				}
				return
			}
			if err == nil {
				t.Fatal("got no error")
			}
			e := problem.From(err)
			if e.Kind != tt.kind || e.Field != tt.field || e.Sentence != tt.sentence {
				t.Errorf("got %v field %q sentence %q, want %v %q %q", e.Kind, e.Field, e.Sentence, tt.kind, tt.field, tt.sentence)
			}
		})
	}
}

// Whatever Unmarshal accepts is valid JSON, and no input does anything but succeed or name what was wrong.
func FuzzUnmarshal(f *testing.F) {
	for _, s := range []string{`{}`, `{"username":"a","count":1}`, `{"a":[{"b":null}]}`, `{"username":"\ud800"}`, `[`, `{"a":1,"a":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var c credentials
		err := web.Unmarshal(body, &c)
		if err == nil && !json.Valid(body) {
			t.Errorf("accepted %q", body)
		}
		if err != nil && problem.From(err).Kind != problem.Invalid {
			t.Errorf("%q: got %v", body, err)
		}
	})
}
