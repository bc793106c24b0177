package jwt

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestScan says what is an object and what is not. Where encoding/json takes more, want says why it
// is refused here.
// secure-defaults 14d, checklist 114, 116, 123
func TestScan(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}` }
	const (
		obj     = "bad JSON object"
		array   = "bad JSON array"
		value   = "bad JSON value"
		number  = "bad JSON number"
		escape  = "bad escape in a JSON string"
		control = "control character in a JSON string"
		open    = "unterminated JSON string"
		twice   = "duplicate name"
		none    = "not a JSON object"
		tail    = "more than one JSON value"
		utf8    = "not UTF-8"
		deep    = "nested too deeply"
	)
	tests := []struct{ text, want string }{
		{`{}`, ""},
		{" \t\r\n{ \n} \n", ""},
		{`{"a":1}`, ""},
		{`{"":""}`, ""},
		{`{"a":{"a":{"a":[{},{},[]]}},"b":[true,false,null,-0,0.0,1e5,1E-5,1.5e+5,"x"]}`, ""},
		{`{"a":"\"\\\/\b\f\n\r\t\u0000\u00e9\uD83D\uDE00"}`, ""},
		{`{"a":"` + "\x7f\u0080é漢😀\u2028" + `"}`, ""},
		{`{"a":12345678901234567890123456789012345678901234567890}`, ""},
		{nested(maxDepth), ""},

		{``, none},
		{` `, none},
		{`[]`, none},
		{`null`, none},
		{`"x"`, none},
		{`1`, none},
		{"\ufeff{}", none},
		{"\v{}", none},
		{`{}{}`, tail},
		{`{} x`, tail},
		{"{}\x00", tail},
		{`{}}`, tail},
		{`{`, obj},
		{`{"a"`, obj},
		{`{"a":`, value},
		{`{"a":1`, obj},
		{`{"a":1,`, obj},
		{`{"a":1,}`, obj},
		{`{,}`, obj},
		{`{"a":1,,"b":1}`, obj},
		{`{"a":1 "b":1}`, obj},
		{`{"a";1}`, obj},
		{`{a:1}`, obj},
		{`{'a':1}`, obj},
		{`{1:1}`, obj},
		{`{null:1}`, obj},
		{`{"a":}`, value},
		{`{"a":nul}`, value},
		{`{"a":True}`, value},
		{`{"a":truex}`, obj},
		{`{"a":NaN}`, value},
		{`{"a":Infinity}`, value},
		{`{"a":undefined}`, value},
		{`{"a":+1}`, value},
		{`{"a":.5}`, value},
		{`{"a":-}`, value},
		{`{"a":01}`, value},
		{`{"a":-01}`, value},
		{`{"a":0x1}`, obj},
		{`{"a":1.}`, number},
		{`{"a":1.e5}`, number},
		{`{"a":1e}`, number},
		{`{"a":1e+}`, number},
		{`{"a":1e1.5}`, obj},
		{`{"a":1_000}`, obj},
		{`{"a":１}`, value},
		{`{"a":/**/1}`, value},
		{`{"a":1//x` + "\n}", obj},
		{`{"a":[1,]}`, value},
		{`{"a":[,1]}`, value},
		{`{"a":[1 2]}`, array},
		{`{"a":[1`, array},
		{`{"a":[1}`, array},
		{`{"a":[`, value},
		{`{"a":"`, open},
		{`{"a":"\"`, open},
		{`{"a`, open},
		{`{"a":"\x41"}`, escape},
		{`{"a":"\a"}`, escape},
		{`{"a":"\`, escape},
		{`{"a":"\u12"}`, escape},
		{`{"a":"\u12g4"}`, escape},
		{`{"a":"\U0041"}`, escape},
		{`{"a":"\uD83D"}`, escape},
		{`{"a":"\uDE00"}`, escape},
		{`{"a":"\uD83D\n"}`, escape},
		{`{"a":"\uD83D\uD83D"}`, escape},
		{`{"a":"\uDE00\uD83D"}`, escape},
		{`{"a":"\uD83D\u00e9"}`, escape},
		{"{\"a\":\"\x00\"}", control},
		{"{\"a\":\"12345678\x1f\"}", control},
		{"{\"a\":\"\n\"}", control},
		{"{\"a\":\"1234567890\t\"}", control},
		{"{\"a\nb\":1}", control},
		{"{\"a\":\"\xff\"}", utf8},
		{"{\"a\":\"\xc0\xaf\"}", utf8},
		{"{\"a\":\"\xed\xa0\x80\"}", utf8},
		{"{\"a\":\"\xf4\x90\x80\x80\"}", utf8},
		{`{"a":1,"a":1}`, twice},
		{`{"a":1,"\u0061":1}`, twice},
		{`{"\u0061":1,"a":1}`, twice},
		{`{"\u0061":1,"\u0061":1}`, twice},
		{`{"":1,"":1}`, twice},
		{`{"/":1,"\/":1}`, twice},
		{`{"b":{"a":1,"c":2,"a":1}}`, twice},
		{`{"b":[[{"\ud83d\ude00":1,"😀":1}]]}`, twice},
		{`{"a":1,"A":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}`, ""},
		{nested(maxDepth + 1), deep},
		{strings.Repeat(`{"a":`, 10000), deep},
		{`{"a":` + strings.Repeat("[", 10000), deep},
	}
	for _, tt := range tests {
		var o object
		if got := scanObject(tt.text, &o); got != tt.want {
			t.Errorf("%.60q: got %q, want %q", tt.text, got, tt.want)
		}
		if tt.want == "" && !json.Valid([]byte(tt.text)) {
			t.Errorf("%.60q: encoding/json refuses it", tt.text)
		}
	}
}

// TestScanStrings puts each special byte at each place of a string, since eight are looked at at once.
func TestScanStrings(t *testing.T) {
	t.Parallel()
	for length := range 20 {
		for at := range length {
			for c := range 256 {
				s := []byte(strings.Repeat("~", length))
				s[at] = byte(c)
				text := `{"a":"` + string(s) + `","b":"end"}`
				var o object
				got, want := scanObject(text, &o) == "", json.Valid([]byte(text)) && c < 0x80 && c != '"'
				if got != want {
					t.Fatalf("byte %#x at %d of %d: got %v, want %v", c, at, length, got, want)
				}
			}
		}
	}
}

// TestDuplicates counts up through where the way of looking for duplicates changes.
// checklist 114
func TestDuplicates(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 10, 19, 20, 21, 30, 31, 32, 33, 34, 63, 64, 65, 100} {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf(`"%d":1`, i)
		}
		text := strings.Join(list, ",")
		var o object
		if fault := scanObject("{"+text+"}", &o); fault != "" || o.n != n {
			t.Fatalf("%d names: got %q and %d members", n, fault, o.n)
		}
		for i := range n {
			escaped := `"`
			for _, digit := range fmt.Sprint(i) {
				escaped += fmt.Sprintf(`\u%04x`, digit)
			}
			for _, twice := range []string{list[i], escaped + `":1`} {
				for _, text := range []string{"{" + text + "," + twice + "}", "{" + twice + "," + text + "}", `{"x":[{` + text + "," + twice + "}]}"} {
					if fault := scanObject(text, &o); fault != "duplicate name" {
						t.Fatalf("%s: got %q", text, fault)
					}
				}
			}
		}
	}
}

// TestDate reads what encoding/json would, to the nanosecond.
// checklist 120
func TestDate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		sec  int64
		nsec int32
		ok   bool
	}{
		{"0", 0, 0, true},
		{"1", 1, 0, true},
		{"1700000000", 1700000000, 0, true},
		{"1700000000.0", 1700000000, 0, true},
		{"1700000000.5", 1700000000, 5e8, true},
		{"1700000000.123456789", 1700000000, 123456789, true},
		{"1700000000.1234567899999999", 1700000000, 123456789, true},
		{"1.7e9", 1700000000, 0, true},
		{"12345678", 12345678, 0, true},
		{"98765432109", 98765432109, 0, true},
		{"1234567.5", 1234567, 5e8, true},
		{"123456.75", 123456, 75e7, true},
		{"1234567e1", 12345670, 0, true},
		{"1234567E+2", 123456700, 0, true},
		{"12345678.25", 12345678, 25e7, true},
		{"-1234567", 0, 0, false},
		{"-12345678", 0, 0, false},
		{"17E8", 1700000000, 0, true},
		{"1700000000.5e0", 1700000000, 5e8, true},
		{"1e-3", 0, 1e6, true},
		{"1e-400", 0, 0, true},
		{"253402300799", lastSecond, 0, true},
		{"253402300799.999999999", lastSecond, 999999999, true},
		{"253402300800", 0, 0, false},
		{"2.534023008e11", 0, 0, false},
		{"9223372036854775808", 0, 0, false},
		{"1e30", 0, 0, false},
		{"1e400", 0, 0, false},
		{"-0", 0, 0, false},
		{"-1", 0, 0, false},
		{"-1.5", 0, 0, false},
		{"-1e5", 0, 0, false},
		{"-1e-5", 0, 0, false},
		{`"1"`, 0, 0, false},
		{"true", 0, 0, false},
		{"null", 0, 0, false},
		{"[1]", 0, 0, false},
	}
	for _, tt := range tests {
		var o object
		if fault := scanObject(`{"d":`+tt.text+`}`, &o); fault != "" {
			t.Fatalf("%s: %s", tt.text, fault)
		}
		d, ok := o.date(o.find("d"))
		if ok != tt.ok || d.set != tt.ok || d.sec != tt.sec || d.nsec != tt.nsec {
			t.Errorf("%s: got %v %v", tt.text, d, ok)
		}
	}
}

func TestAppendQuoted(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "plain", `"\`, "\x00\x1f\n\t", "é漢😀\u2028", "</script>"} {
		quoted := appendQuoted(nil, s)
		var got string
		if err := json.Unmarshal(quoted, &got); err != nil || got != s {
			t.Errorf("%q: got %s, %v", s, quoted, err)
		}
		var o object
		if fault := scanObject(`{"s":`+string(quoted)+`}`, &o); fault != "" {
			t.Errorf("%q: %s", s, fault)
		} else if got, _ := o.text(o.find("s")); got != s {
			t.Errorf("%q: got %q", s, got)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	const text = `{"iss":"https://id.example.com","sub":"user1","aud":"https://api.example.com","exp":4102444800,` +
		`"iat":1700000000,"jti":"0f8fad5bd9cb469fa16570867728950e","scope":"read write","roles":["manager","user"],"fresh":true}`
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		var o object
		if fault := scanObject(text, &o); fault != "" {
			b.Fatal(fault)
		}
	}
}
