package gateway

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// FuzzPath: whatever is let through is written as it is read, and means the same to servers that decode once, decode twice, clean
// paths or cut parameters off.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"/", "/a/b/", "/a%20b", "//", "/%2e%2e/x", "/..;/x", "/a;b/c", "/%252e", "/x%5c", "/%c0%ae", "/a%", "/~%7E", "/é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.ParseRequestURI(raw)
		if err != nil {
			return
		}
		got, err := canonicalPath(&http.Request{RequestURI: raw, URL: u})
		if err != nil {
			return
		}
		raw, _, _ = strings.Cut(raw, "?")
		if u.EscapedPath() != raw || u.Path != got {
			t.Fatalf("%q goes on as %q, matched as %q", raw, u.EscapedPath(), got)
		}
		for range 3 {
			for s := range strings.SplitSeq(got, "/") {
				if name, _, _ := strings.Cut(s, ";"); name == "." || name == ".." || strings.ContainsAny(s, "\\\x00\r\n") {
					t.Fatalf("%q has the segment %q", raw, s)
				}
			}
			if clean := path.Clean(got); clean != got && clean+"/" != got {
				t.Fatalf("%q is cleaned to %q", got, clean)
			}
			next, err := url.PathUnescape(got)
			if err != nil {
				break
			}
			if strings.Count(next, "/") != strings.Count(got, "/") {
				t.Fatalf("%q has other segments when it is decoded again", raw)
			}
			got = next
		}
	})
}

// FuzzFrames: following frames agrees with reading them one by one, however the bytes are cut, and never goes beyond them.
func FuzzFrames(f *testing.F) {
	f.Add(ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte("halo")))), uint8(3))
	f.Add([]byte{0x82, 0xff, 0, 0, 0, 0, 0, 0, 1, 0, 1, 2, 3, 4}, uint8(1))
	f.Add([]byte{0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5}, uint8(9))
	f.Add([]byte{0x09, 0x80, 1, 2, 3, 4}, uint8(2))
	f.Fuzz(func(t *testing.T, all []byte, cut uint8) {
		want, wantBad := borders(all)
		var got []int
		fr := frames{state: ws.StateServerSide}
		at, held, bad := 0, []byte(nil), false
		for from := 0; from < len(all) && !bad; {
			to := min(len(all), from+1+int(cut%17))
			p := append(held, all[from:to]...) //nolint:gocritic // held is not used again
			held, from = nil, to
			for len(p) > 0 {
				n, err := fr.next(p)
				if n < 0 || n > len(p) {
					t.Fatalf("%d of %d bytes", n, len(p))
				}
				if err != nil {
					bad = true
					break
				}
				if n == 0 {
					held = p
					break
				}
				at, p = at+n, p[n:]
				if fr.atBorder() {
					got = append(got, at)
				}
			}
		}
		if bad != wantBad || len(got) != len(want) {
			t.Fatalf("borders %v bad %t, want %v bad %t", got, bad, want, wantBad)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("borders %v, want %v", got, want)
			}
		}
	})
}

// borders reads frames with the library.
func borders(all []byte) (at []int, bad bool) {
	r, state := bytes.NewReader(all), ws.StateServerSide
	for {
		h, err := ws.ReadHeader(r)
		if err != nil {
			return at, err == ws.ErrHeaderLengthMSB
		}
		if ws.CheckHeader(h, state) != nil {
			return at, true
		}
		if !h.OpCode.IsControl() {
			state = state.Clear(ws.StateFragmented)
			if !h.Fin {
				state = state.Set(ws.StateFragmented)
			}
		}
		if n, _ := io.CopyN(io.Discard, r, h.Length); n < h.Length {
			return at, false
		}
		at = append(at, len(all)-r.Len())
	}
}
