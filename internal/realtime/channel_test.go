package realtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/realtime"
)

// Who may join and send is decided by role, scope and clearance, for each message.
// WS-g
func TestChannelRules(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, _ := s.hub("n1", func(c *realtime.Config) {
			c.Levels = map[string]int{"pilot": 2, "general": 5}
			c.Limits.Channels = 6
			c.Channels = []realtime.Channel{
				{Name: "hq"},
				{Name: "role", Subscribe: realtime.Requirement{Roles: []string{"general", "pilot"}}},
				{Name: "scope", Subscribe: realtime.Requirement{Scopes: []string{"a", "b"}}, Publish: realtime.Requirement{Scopes: []string{"a"}}},
				{Name: "level", Subscribe: realtime.Requirement{Level: 3}},
				{Name: "news", ReadOnly: true},
				{Name: "m/*", Subscribe: realtime.Requirement{Roles: []string{"nobody"}}},
				{Name: "m/alpha/*"},
				{Name: "m/alpha/x", Publish: realtime.Requirement{Level: 9}},
			}
		})
		c := s.client(h, map[string]any{"roles": []string{"pilot"}, "scope": "a"})
		for channel, codes := range map[string][2]string{ // subscribe, publish
			"hq": {"", ""}, "role": {"", ""}, "scope": {"forbidden", ""}, "level": {"forbidden", ""}, "news": {"", "forbidden"},
			"m/beta": {"forbidden", ""}, "m/alpha/y/z": {"", ""}, "m/alpha/x": {"", "forbidden"}, "m/alpha/": {"forbidden", ""},
			"m": {"no_channel", "no_channel"}, "none": {"no_channel", "no_channel"}, "m/alpha/\n": {"no_channel", "no_channel"},
			"m/*": {"no_channel", "no_channel"}, "": {"no_channel", "no_channel"},
		} {
			_, sub := c.Subscribe(channel, "")
			_, pub := c.Publish(t.Context(), channel, json.RawMessage(`1`))
			for i, err := range []error{sub, pub} {
				if e, _ := errors.AsType[*realtime.Error](err); (e == nil) != (codes[i] == "") || e != nil && e.Code != codes[i] {
					t.Errorf("%q: step %d: %v, want %q", channel, i, err, codes[i])
				}
			}
		}
		c.subscribe("m/alpha/1", "")
		_, err := c.Subscribe("m/alpha/2", "")
		wantCode(t, err, "too_many")
		c.subscribe("hq", "") // again
		c.Unsubscribe("hq")
		c.Unsubscribe("hq")
		c.subscribe("m/alpha/2", "")
	})
}

// A channel of the store is there within a second, at once by word of another node, and when it changes subscriptions are judged again.
// secure-defaults 21c
func TestStoreChannels(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h1, _ := s.hub("n1", nil)
		h2, _ := s.hub("n2", nil)
		time.Sleep(1500 * time.Millisecond)
		c := s.client(h2, map[string]any{"roles": []string{"pilot"}})
		_ = s.store.PutChannel(t.Context(), realtime.Channel{Name: "ops"}, audit.Event{})
		_ = s.store.PutChannel(t.Context(), realtime.Channel{Name: "hq", ReadOnly: true}, audit.Event{}) // the configuration's counts
		h1.Look(t.Context())
		time.Sleep(time.Millisecond)
		c.subscribe("ops", "")
		c.publish("hq", `1`)
		_ = s.store.PutChannel(t.Context(), realtime.Channel{Name: "ops", Subscribe: realtime.Requirement{Roles: []string{"general"}}}, audit.Event{})
		time.Sleep(time.Second)
		synctest.Wait()
		want(t, "told", c.told("unsubscribed"), []string{`{"channel":"ops","reason":"forbidden"}`})
		_ = s.store.PutChannel(t.Context(), realtime.Channel{Name: "ops"}, audit.Event{})
		time.Sleep(time.Second)
		c.subscribe("ops", "")
		_ = s.store.RemoveChannel(t.Context(), "ops", audit.Event{})
		time.Sleep(time.Second)
		synctest.Wait()
		want(t, "told", c.told("unsubscribed"), []string{`{"channel":"ops","reason":"forbidden"}`, `{"channel":"ops","reason":"no_channel"}`})
		s.store.mu.Lock()
		reads := s.store.reads
		s.store.mu.Unlock()
		time.Sleep(10 * time.Second)
		if s.store.reads != reads {
			t.Error("an unchanged list was read again")
		}
	})
}

// A message is JSON within its bounds, and meets the schema, or the error names the failing path.
// WS-h
// secure-defaults 14d
func TestSchema(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		schema := `{"type":"object","required":["text"],"additionalProperties":false,
			"properties":{"text":{"type":"string","maxLength":10},"to":{"type":"array","items":{"type":"integer"}},"a/b~":{"const":1}}}`
		h, _ := s.hub("n1", func(c *realtime.Config) {
			c.Channels = []realtime.Channel{{Name: "typed", Schema: json.RawMessage(schema), MaxBytes: 400}, {Name: "any"}}
		})
		c := s.client(h, nil)
		deep := strings.Repeat("[", 33) + strings.Repeat("]", 33)
		for _, test := range []struct{ channel, data, code, path string }{
			{"typed", `{"text":"hello","to":[1,2]}`, "", ""},
			{"typed", `{"text":7}`, "invalid", "/text"},
			{"typed", `{"text":"x","to":[1,"2"]}`, "invalid", "/to/1"},
			{"typed", `{"text":"x","a/b~":2}`, "invalid", "/a~1b~0"},
			{"typed", `{"text":"x","other":2}`, "invalid", ""},
			{"typed", `[]`, "invalid", ""},
			{"typed", `{"text":"` + strings.Repeat("x", 400) + `"}`, "too_large", ""},
			{"any", deep[1:65], "", ""},
			{"any", deep, "invalid", ""},
			{"any", `{`, "bad_request", ""},
			{"any", `1 2`, "bad_request", ""},
			{"any", ``, "bad_request", ""},
			{"any", "\"\xff\"", "bad_request", ""},
			{"any", `1e999999999`, "invalid", ""},
			{"any", `1` + strings.Repeat("0", 64), "invalid", ""},
			{"any", `[1.5e+300]`, "", ""},
		} {
			_, err := c.Publish(t.Context(), test.channel, json.RawMessage(test.data))
			if test.code == "" {
				if err != nil {
					t.Errorf("%s: %v", test.data, err)
				}
				continue
			}
			if e, ok := errors.AsType[*realtime.Error](err); !ok || e.Code != test.code || e.Path != test.path {
				t.Errorf("%.60s: %#v, want %s at %q", test.data, err, test.code, test.path)
			}
		}
	})
}

// Validate finds fault with what cannot be, before it is kept: also schemas that refer to files and servers, or explode.
// WS-h
func TestValidate(t *testing.T) {
	t.Parallel()
	var bomb strings.Builder
	bomb.WriteString(`{"$ref":"#/$defs/d0","$defs":{`)
	for i := range 40 {
		fmt.Fprintf(&bomb, `"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	bomb.WriteString(`"d40":{"type":"string"}}}`)
	tests := map[string]struct {
		c  realtime.Channel
		ok bool
	}{
		"plain":      {realtime.Channel{Name: "a-b.c_d:e/f"}, true},
		"prefix":     {realtime.Channel{Name: "a/*"}, true},
		"all":        {realtime.Channel{Name: "/*"}, false},
		"star":       {realtime.Channel{Name: "a*"}, false},
		"empty":      {realtime.Channel{}, false},
		"long":       {realtime.Channel{Name: strings.Repeat("a", 65)}, false},
		"space":      {realtime.Channel{Name: "a b"}, false},
		"bytes":      {realtime.Channel{Name: "a", MaxBytes: 61441}, false},
		"keep":       {realtime.Channel{Name: "a", Keep: -1}, false},
		"keep for":   {realtime.Channel{Name: "a", KeepFor: 25 * time.Hour}, false},
		"rate":       {realtime.Channel{Name: "a", Rate: -1}, false},
		"no JSON":    {realtime.Channel{Name: "a", Schema: json.RawMessage(`{`)}, false},
		"no schema":  {realtime.Channel{Name: "a", Schema: json.RawMessage(`{"type":"thing"}`)}, false},
		"file":       {realtime.Channel{Name: "a", Schema: json.RawMessage(`{"$ref":"file:///etc/passwd"}`)}, false},
		"relative":   {realtime.Channel{Name: "a", Schema: json.RawMessage(`{"$ref":"other.json"}`)}, false},
		"server":     {realtime.Channel{Name: "a", Schema: json.RawMessage(`{"$ref":"http://127.0.0.1/x"}`)}, false},
		"other meta": {realtime.Channel{Name: "a", Schema: json.RawMessage(`{"$schema":"http://127.0.0.1/x"}`)}, false},
		"large":      {realtime.Channel{Name: "a", Schema: json.RawMessage(`{"title":"` + strings.Repeat("x", 64<<10) + `"}`)}, false},
		"bomb":       {realtime.Channel{Name: "a", Schema: json.RawMessage(bomb.String())}, false},
		"deep bomb":  {realtime.Channel{Name: "a", Schema: json.RawMessage(`{"allOf":[{"properties":{"a":{"$ref":"#"}}},{"properties":{"a":{"$ref":"#"}}}]}`)}, false},
		"tree": {realtime.Channel{Name: "a", Schema: json.RawMessage(`{"type":"object","properties":{"l":{"$ref":"#"},"r":{"$ref":"#"},
			"list":{"type":"array","items":{"anyOf":[{"type":"string"},{"$ref":"#"}]}}}}`)}, true},
		"any JSON": {realtime.Channel{Name: "a", Schema: json.RawMessage(`{"anyOf":[{"type":["string","number","null"]},
			{"type":"object","additionalProperties":{"$ref":"#"}},{"type":"array","items":{"$ref":"#"}}]}`)}, true},
		"draft 7": {realtime.Channel{Name: "a", Schema: json.RawMessage(`{"$schema":"http://json-schema.org/draft-07/schema#","$ref":"#/definitions/a","definitions":{"a":{"type":"string"}}}`)}, true},
	}
	for name, test := range tests {
		if err := test.c.Validate(); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// keep_for is a text, and what is not known is refused.
func TestChannelJSON(t *testing.T) {
	t.Parallel()
	c := realtime.Channel{Name: "a", KeepFor: 90 * time.Second, Subscribe: realtime.Requirement{Roles: []string{"pilot"}}, Schema: json.RawMessage(`{"type":"object"}`)}
	b, err := json.Marshal(c)
	if err != nil || !strings.Contains(string(b), `"keep_for":"1m30s"`) {
		t.Fatalf("%s, %v", b, err)
	}
	var back realtime.Channel
	if err := json.Unmarshal(b, &back); err != nil || back.KeepFor != c.KeepFor || back.Subscribe.Roles[0] != "pilot" || string(back.Schema) != string(c.Schema) {
		t.Errorf("%s came back as %+v, %v", b, back, err)
	}
	for _, text := range []string{`{"name":"a","keep_for":5}`, `{"name":"a","keep_for":"soon"}`, `{"name":"a","subscribe":{"role":["x"]}}`, `{"nam":"a"}`} {
		if err := json.Unmarshal([]byte(text), &back); err == nil {
			t.Errorf("%s was read", text)
		}
	}
}

// A channel takes so many messages a second.
// WS-j
func TestChannelRate(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, _ := s.hub("n1", func(c *realtime.Config) { c.Channels = []realtime.Channel{{Name: "hq", Rate: 2}} })
		c := s.client(h, nil)
		for range 4 {
			c.publish("hq", `1`)
		}
		_, err := c.Publish(t.Context(), "hq", json.RawMessage(`1`))
		wantCode(t, err, "too_fast")
		time.Sleep(500 * time.Millisecond)
		c.publish("hq", `1`)
	})
}

// The default channel is where messages go that name none; what an administrator sends goes to read-only channels too.
func TestDefaultAndServer(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		h, _ := s.hub("n1", func(c *realtime.Config) {
			c.DefaultChannel, c.Channels = "hq", []realtime.Channel{{Name: "hq"}, {Name: "news", ReadOnly: true}}
		})
		c := s.client(h, nil)
		c.subscribe("hq", "")
		c.subscribe("news", "")
		c.publish("", `"to hq"`)
		synctest.Wait() // channels are handed on each by itself
		if _, err := h.Publish(context.Background(), "news", json.RawMessage(`"from above"`)); err != nil {
			t.Fatal(err)
		}
		want(t, "data", c.data(), []string{`"to hq"`, `"from above"`})
		if c.got[0].From != "alice" || c.got[0].Channel != "hq" || c.got[1].From != "" {
			t.Errorf("got %+v and %+v", c.got[0], c.got[1])
		}
	})
}

// What cannot be is refused at the start.
func TestNewHubRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, edit := range map[string]func(c *realtime.Config){
		"node":    func(c *realtime.Config) { c.Node = "a b" },
		"channel": func(c *realtime.Config) { c.Channels = []realtime.Channel{{Name: "*"}} },
		"twice":   func(c *realtime.Config) { c.Channels = []realtime.Channel{{Name: "a"}, {Name: "a"}} },
		"default": func(c *realtime.Config) { c.DefaultChannel = "a b" },
	} {
		c := realtime.Config{Guard: s.guard, Store: s.store, News: s.news, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Node: "n1"}
		edit(&c)
		if _, err := realtime.NewHub(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
