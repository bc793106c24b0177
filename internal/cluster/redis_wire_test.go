package cluster

import (
	"bytes"
	"strings"
	"testing"
)

// chunks gives replies to a follower, in pieces of n bytes.
func chunks(stream []byte, n int) (*replies, error) {
	r := &replies{}
	for len(stream) > 0 {
		m := min(n, len(stream))
		if err := r.follow(stream[:m]); err != nil {
			return r, err
		}
		stream = stream[m:]
	}
	return r, nil
}

// What no reply to us can be is refused at its header, however it is cut.
func TestRepliesAreBounded(t *testing.T) {
	t.Parallel()
	const good, partial, bad = "good", "partial", "bad"
	for name, c := range map[string]struct{ stream, want string }{
		"status":            {"+OK\r\n", good},
		"error":             {"-ERR no\r\n", good},
		"number":            {":-12\r\n", good},
		"no string":         {"$-1\r\n", good},
		"no array":          {"*-1\r\n", good},
		"empty string":      {"$0\r\n\r\n", good},
		"empty array":       {"*0\r\n", good},
		"script":            {"*5\r\n:1\r\n:2\r\n:3\r\n:4\r\n$7\r\n*9\r\n$9\n\r\n", good},
		"nested":            {"*2\r\n*1\r\n:1\r\n*2\r\n$-1\r\n+OK\r\n", good},
		"longest string":    {"$65536\r\n" + strings.Repeat("\n", 65536) + "\r\n", good},
		"most elements":     {"*4096\r\n" + strings.Repeat(":1\r\n", 4096), good},
		"many replies":      {strings.Repeat("*1\r\n$1000\r\n"+strings.Repeat("$", 1000)+"\r\n", 1000), good},
		"no end yet":        {"*2\r\n$4\r\nab", partial},
		"string, overflow":  {"$9223372036854775806\r\n", bad},
		"string, 1 GiB":     {"$1073741824\r\n", bad},
		"string, by one":    {"$65537\r\n", bad},
		"string, negative":  {"$-2\r\n", bad},
		"string, signed":    {"$+5\r\n", bad},
		"string, beyond":    {"$99999999999999999999999999\r\n", bad},
		"string, no length": {"$\r\n", bad},
		"array":             {"*1000000000000\r\n", bad},
		"array, by one":     {"*4097\r\n", bad},
		"arrays, together":  {"*2\r\n*4000\r\n" + strings.Repeat(":1\r\n", 4000) + "*4000\r\n", bad},
		"arrays, deep":      {strings.Repeat("*1\r\n", 5000), bad},
		"array in an array": {"*1\r\n*1000000000000\r\n", bad},
		"endless line":      {"+" + strings.Repeat("a", 5000), bad},
		"long reply":        {"*3\r\n" + strings.Repeat("$65536\r\n"+strings.Repeat("a", 65536)+"\r\n", 3), bad},
		"map":               {"%9223372036854775807\r\n", bad},
		"set":               {"~1000000000000\r\n", bad},
		"push":              {">1000000000000\r\n", bad},
		"verbatim":          {"=9223372036854775806\r\n", bad},
		"blob error":        {"!9223372036854775806\r\n", bad},
		"attribute":         {"|1000000000000\r\n", bad},
		"no CR":             {":1\n", bad},
		"empty line":        {"\r\n", bad},
		"no Redis":          {"HTTP/1.1 400 Bad Request\r\n\r\n", bad},
	} {
		for _, n := range []int{1, 3, 4096, 1 << 20} {
			r, err := chunks([]byte(c.stream), n)
			got := good
			if err != nil {
				got = bad
			} else if r.open > 0 || len(r.line) > 0 {
				got = partial
			}
			if got != c.want {
				t.Errorf("%s, in pieces of %d: %s (%v), want %s", name, n, got, err, c.want)
			}
			if cap(r.line) > 4*longestLine {
				t.Errorf("%s: %d bytes are kept", name, cap(r.line))
			}
		}
	}
}

// The verdict does not depend on where the network cuts, and never is a panic.
func FuzzReplies(f *testing.F) {
	for _, stream := range []string{
		"+OK\r\n", "*2\r\n:1\r\n$3\r\na\r\n\r\n", "$9223372036854775806\r\n", "*1000000000000\r\n", "*1\r\n*1\r\n$-1\r\n", ":1\n", "%1\r\n",
	} {
		f.Add([]byte(stream))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole, wanted := chunks(stream, len(stream))
		cut, err := chunks(stream, 1)
		if (err == nil) != (wanted == nil) {
			t.Fatalf("whole: %v, cut: %v", wanted, err)
		}
		if err == nil && (cut.open != whole.open || cut.body != whole.body || !bytes.Equal(cut.line, whole.line)) {
			t.Fatalf("whole: %+v, cut: %+v", whole, cut)
		}
	})
}

func TestSurvive(t *testing.T) {
	t.Parallel()
	err := func() (err error) {
		defer survive(&err)
		panic("no such reply")
	}()
	if err == nil || !strings.Contains(err.Error(), "redis") {
		t.Errorf("error %v, want one that names redis", err)
	}
}
