package realtime

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/socketio"
)

func TestReadRequest(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("7", maxRef)
	for name, tt := range map[string]struct {
		binary bool
		text   string
		want   request // without a type: bad_request
	}{
		"publish":             {false, `{"type":"publish","channel":"hq","data":{"a":[1,null]},"ref":"r"}`, request{Type: "publish", Channel: "hq", Data: json.RawMessage(`{"a":[1,null]}`), Ref: json.RawMessage(`"r"`)}},
		"subscribe":           {false, ` {"type":"subscribe","channel":"hq","cursor":"a1-b2"}`, request{Type: "subscribe", Channel: "hq", Cursor: "a1-b2"}},
		"data that is null":   {false, `{"type":"publish","data":null}`, request{Type: "publish", Data: json.RawMessage("null")}},
		"more members":        {false, `{"type":"ping","later":1}`, request{Type: "ping"}},
		"ref of 64 bytes":     {false, `{"type":"ping","ref":` + long + `}`, request{Type: "ping", Ref: json.RawMessage(long)}},
		"ref of 65 bytes":     {false, `{"type":"ping","ref":` + long + `7}`, request{}},
		"ref that is no name": {false, `{"type":"ping","ref":[1]}`, request{}},
		"binary":              {true, `{"type":"ping"}`, request{}},
		"empty":               {false, ``, request{}},
		"no object":           {false, `["ping"]`, request{}},
		"null":                {false, `null`, request{}},
		"cut":                 {false, `{"type":"ping"`, request{}},
		"two":                 {false, `{"type":"ping"}{"type":"ping"}`, request{}},
		"another kind":        {false, `{"type":"auth","token":1}`, request{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readRequest(tt.binary, []byte(tt.text))
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			e, ok := errors.AsType[*Error](err)
			if ok != (tt.want.Type == "") || ok && (e.Code != "bad_request" || e.Msg == "") {
				t.Errorf("error: %v", err)
			}
		})
	}
}

func TestReadEvent(t *testing.T) {
	t.Parallel()
	raw := func(texts ...string) (args []json.RawMessage) {
		for _, text := range texts {
			args = append(args, json.RawMessage(text))
		}
		return args
	}
	for name, tt := range map[string]struct {
		event socketio.Event
		want  request // without a type: bad_request
	}{
		"message":            {socketio.Event{Name: "message", Args: raw(`"x"`)}, request{Type: "publish", Data: json.RawMessage(`"x"`)}},
		"to a channel":       {socketio.Event{Name: "message", Args: raw(`"hq"`, `1`)}, request{Type: "publish", Channel: "hq", Data: json.RawMessage(`1`)}},
		"to none":            {socketio.Event{Name: "message", Args: raw(`""`, `1`)}, request{}},
		"of nothing":         {socketio.Event{Name: "message"}, request{}},
		"publish":            {socketio.Event{Name: "publish", Args: raw(`{"channel":"hq","data":1}`)}, request{Type: "publish", Channel: "hq", Data: json.RawMessage(`1`)}},
		"publish of text":    {socketio.Event{Name: "publish", Args: raw(`"x"`)}, request{}},
		"subscribe":          {socketio.Event{Name: "subscribe", Args: raw(` "hq" `)}, request{Type: "subscribe", Channel: "hq"}},
		"with a cursor":      {socketio.Event{Name: "subscribe", Args: raw(`{"channel":"hq","cursor":"a1"}`)}, request{Type: "subscribe", Channel: "hq", Cursor: "a1"}},
		"another type named": {socketio.Event{Name: "presence", Args: raw(`{"type":"auth","channel":"hq"}`)}, request{Type: "presence", Channel: "hq"}},
		"two arguments":      {socketio.Event{Name: "subscribe", Args: raw(`"hq"`, `"ops"`)}, request{}},
		"a list":             {socketio.Event{Name: "subscribe", Args: raw(`["hq"]`)}, request{}},
		"refresh":            {socketio.Event{Name: "auth:refresh", Args: raw(`"t"`)}, request{Type: "auth", Token: "t"}},
		"refresh, as object": {socketio.Event{Name: "auth:refresh", Args: raw(`{"token":"t"}`)}, request{Type: "auth", Token: "t"}},
		"binary":             {socketio.Event{Name: "message", Args: raw(`{"_placeholder":true,"num":0}`), Binary: [][]byte{{1}}}, request{}},
		"unknown":            {socketio.Event{Name: "fly", Args: raw(`1`)}, request{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readEvent(tt.event)
			e, bad := errors.AsType[*Error](err)
			if bad != (tt.want.Type == "") || bad && e.Code != "bad_request" {
				t.Fatalf("error: %v", err)
			}
			if !bad && !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// FuzzRequest: whatever a client sends is read or refused, and what is repeated of it is JSON.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"type":"auth","token":"x"}`, `{"type":"publish","data":{"a":1},"ref":"1"}`, `{"type":"ping","ref":null}`, `{"ref":1e9}`, `{`, "\xff", `{"type":"ping","ref":" "}`,
	} {
		f.Add(false, seed)
	}
	f.Fuzz(func(t *testing.T, binary bool, text string) {
		q, err := readRequest(binary, []byte(text))
		if err == nil {
			if answer := withMembers(marshal(struct {
				Type string          `json:"type"`
				Ref  json.RawMessage `json:"ref,omitempty"`
			}{"pong", q.Ref}), published{"x"}); !json.Valid(answer) {
				t.Errorf("answer %q", answer)
			}
		}
		args := []json.RawMessage{json.RawMessage(text)}
		for _, name := range []string{"message", "publish", "subscribe", "auth:refresh"} {
			if json.Valid(args[0]) {
				if q, err := readEvent(socketio.Event{Name: name, Args: args}); err == nil && q.Type == "" {
					t.Errorf("%s %s: read as nothing", name, text)
				}
			}
		}
	})
}

func TestWithMembers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		data any
		want string
	}{
		"nothing": {nil, `{"a":1}`},
		"empty":   {struct{}{}, `{"a":1}`},
		"some":    {map[string]int{"b": 2}, `{"a":1,"b":2}`},
	} {
		if got := string(withMembers([]byte(`{"a":1}`), tt.data)); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}
