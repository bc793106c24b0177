package socketio_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/socketio"
)

func TestPayload(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, payload string
		want          []string // nil is malformed
	}{
		{"one", "4hello", []string{"4hello"}},
		{"several", "4a\x1e3\x1e4", []string{"4a", "3", "4"}},
		{"binary", "4a\x1ebAQIDBA==", []string{"4a", "B\x01\x02\x03\x04"}},
		{"no bytes", "b", []string{"B"}},
		{"empty", "", nil},
		{"empty between", "4a\x1e\x1e4b", nil},
		{"separator at the end", "4a\x1e", nil},
		{"unknown type", "7", nil},
		{"no type", "hello", nil},
		{"base64 that is none", "b!!!!", nil},
		{"base64 cut short", "bAQI", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, ok := socketio.Payload([]byte(c.payload))
			if ok != (c.want != nil) || (ok && !slices.Equal(got, c.want)) {
				t.Errorf("got %q, %v; want %q", got, ok, c.want)
			}
		})
	}
}

func TestPacket(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, packet, want string }{ // want "" is malformed
		{"connect", "0", "0"},
		{"connect with auth", `0{"token":"x"}`, `0{"token":"x"}`},
		{"connect a namespace", "0/a,", "0/a,"},
		{"connect a namespace without comma", "0/a", "0/a,"},
		{"connect the main namespace by name", "0/,{}", "0{}"},
		{"connect with a string", `0"x"`, ""},
		{"connect with a list", "0[]", ""},
		{"connect with half an object", `0{"a":`, ""},
		{"disconnect", "1", "1"},
		{"disconnect with data", "1{}", ""},
		{"event", `2["a",1,{"b":[true]}]`, `2["a",1,{"b":[true]}]`},
		{"event that asks for an ack", `2/n,12["a"]`, `2/n,12["a"]`},
		{"event without name", "2[]", ""},
		{"event named by a number", "2[1]", ""},
		{"event that is an object", "2{}", ""},
		{"event without data", "2", ""},
		{"event with a bad ack id", `2abc["a"]`, ""},
		{"event with an ack id beyond exact integers", `21234567890123456["a"]`, ""},
		{"reserved: connect", `2["connect"]`, ""},
		{"reserved: connect_error", `2["connect_error"]`, ""},
		{"reserved: disconnect", `2["disconnect"]`, ""},
		{"reserved: disconnecting", `2["disconnecting"]`, ""},
		{"reserved: newListener", `2["newListener"]`, ""},
		{"reserved: removeListener", `2["removeListener"]`, ""},
		{"reserved, escaped", `2["\u0063onnect"]`, ""},
		{"two values", `2["a"]["b"]`, ""},
		{"ack", "37[1]", "37[1]"},
		{"ack without data", "37", ""},
		{"connect error", `4{"message":"x"}`, ""},
		{"binary event", `52-["a",{"_placeholder":true,"num":0},{"x":[{"_placeholder":true,"num":1}]}]`, `52-["a",{"_placeholder":true,"num":0},{"x":[{"_placeholder":true,"num":1}]}]`},
		{"binary event without attachments", `50-["a"]`, `5["a"]`},
		{"binary event, count missing", `5-["a"]`, ""},
		{"binary event, dash missing", `51["a"]`, ""},
		{"binary event, negative count", `5-1-["a"]`, ""},
		{"binary event, too many", `511-["a"]`, ""},
		{"binary event, absurdly many", `5` + strings.Repeat("9", 40) + `-["a"]`, ""},
		{"placeholder beyond the attachments", `51-["a",{"_placeholder":true,"num":1}]`, ""},
		{"placeholder below them", `51-["a",{"_placeholder":true,"num":-1}]`, ""},
		{"placeholder between them", `51-["a",{"_placeholder":true,"num":0.5}]`, ""},
		{"placeholder without number", `51-["a",{"_placeholder":true}]`, ""},
		{"binary ack", `61-1[{"_placeholder":true,"num":0}]`, `61-1[{"_placeholder":true,"num":0}]`},
		{"unknown type", "7", ""},
		{"no type", "", ""},
		{"long namespace", "0/" + strings.Repeat("n", 200), ""},
		{"deep", `2["a",` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `]`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got, ok := socketio.Parse([]byte(c.packet)); ok != (c.want != "") || got != c.want {
				t.Errorf("got %q, %v; want %q", got, ok, c.want)
			}
		})
	}
}

// asvs WS-m
func FuzzPacket(f *testing.F) {
	for _, s := range []string{"0", `0/a,{"token":"x"}`, `2/n,12["a",1]`, `51-["a",{"_placeholder":true,"num":0}]`, "37[]", "1/a,", `2["connect"]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := socketio.Parse(b)
		if !ok {
			return
		}
		if b[0] >= '5' && got[0] == b[0] {
			return // a binary packet without attachments
		}
		if again, _ := socketio.Parse([]byte(got)); again != got {
			t.Fatalf("%q was read as %q, which was read as %q", b, got, again)
		}
	})
}

// asvs WS-m
func FuzzPayload(f *testing.F) {
	for _, s := range []string{"4a", "4a\x1ebAQ==\x1e3", "b", "\x1e", "1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		packets, ok := socketio.Payload(b)
		if n := strings.Count(string(b), "\x1e") + 1; ok && len(packets) != n {
			t.Fatalf("got %d packets of %d", len(packets), n)
		}
	})
}

// What a client may post to its session is taken, or ends the session with a fault: nothing else.
func FuzzSession(f *testing.F) {
	for _, s := range []string{"40", "40\x1e42[\"a\"]", "451-[\"a\",{\"_placeholder\":true,\"num\":0}]\x1ebAQ==", "41", "40/annex,\x1e41/annex,\x1e1", "3\x1e6\x1e5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h := newHotel(t, socketio.Config{MaxPayload: 4 << 10})
		p := newPoller(t, h)
		p.say("40")
		switch status, answer := p.post(s); {
		case status == 200 && answer == "ok", status == 413:
		case status == 400 && json.Valid([]byte(answer)):
			p.wantEnded()
		default:
			t.Fatalf("got %d %s", status, answer)
		}
	})
}
