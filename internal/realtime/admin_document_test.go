package realtime_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/realtime"
)

// What is shown of a channel makes the same channel again.
func TestChannelDocument(t *testing.T) {
	t.Parallel()
	c := realtime.Channel{
		Name: "ops/*", Subscribe: realtime.Requirement{Roles: []string{"agent"}, Level: 2}, Publish: realtime.Requirement{Scopes: []string{"write"}},
		ReadOnly: true, Schema: json.RawMessage(`{"type":"object"}`), MaxBytes: 100, Rate: 5, Keep: 7, KeepFor: 90 * time.Second, Presence: true,
	}
	for _, want := range []realtime.Channel{c, {Name: "a"}} {
		doc, err := json.Marshal(realtime.DocumentOf(want, true))
		if err != nil {
			t.Fatal(err)
		}
		got, err := realtime.ParseChannel(want.Name, doc)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", doc, err, diff)
		}
	}
	list := realtime.Documents([]realtime.Channel{{Name: "b", Rate: 1}}, []realtime.Channel{{Name: "b", Rate: 2}, {Name: "a"}})
	if len(list) != 2 || list[0].Name != "a" || list[0].Configured || list[1].Rate != 1 || !list[1].Configured {
		t.Errorf("got %+v", list)
	}
}

// A rule that is spelt wrong is no rule: nothing of what is not understood is passed over.
func TestParseChannelRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ doc, want string }{
		"nothing":              {"", "want a JSON object"},
		"null":                 {" null", "want a JSON object"},
		"an array":             {"[]", "want a JSON object"},
		"a text":               {`"x"`, "want a JSON object"},
		"cut off":              {`{"rate":`, "read JSON"},
		"two":                  {`{}{}`, "more behind"},
		"misspelt member":      {`{"suscribe":{"roles":["a"]}}`, "suscribe"},
		"misspelt requirement": {`{"subscribe":{"role":["a"]}}`, "role"},
		"another type":         {`{"subscribe":{"roles":"a"}}`, "roles"},
		"another name":         {`{"name":"b"}`, `name is "b"`},
		"a vague duration":     {`{"keep_for":"soon"}`, "keep_for"},
		"a duration of none":   {`{"keep_for":5}`, "keep_for"},
		"too many kept":        {`{"keep":10001}`, "keep 10001"},
		"a schema that is not": {`{"schema":{"type":"x"}}`, "schema"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c, err := realtime.ParseChannel("a", []byte(tt.doc)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %+v, %v; want an error with %q", c, err, tt.want)
			}
		})
	}
	if _, err := realtime.ParseChannel("a b", []byte("{}")); err == nil {
		t.Error("a name with a space was taken")
	}
}
