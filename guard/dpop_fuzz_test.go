package guard_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"io"
	"math"
	"net/url"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/guard"
)

// Whatever passes for a proof was made for this method, this host and path, and now.
func FuzzProof(f *testing.F) {
	const at = "https://api.example/a/b"
	p := newProver(f)
	for _, claims := range []string{
		`{"jti":"1","htm":"GET","htu":"https://api.example/a/b","iat":1772366400}`,
		`{"jti":"2","htm":"GET","htu":"HTTPS://API.example:443/%61/./b?c#d","iat":1772366400.5,"nonce":"x"}`,
		`{"jti":"3","htm":"GET","htu":"https://api.example/a%2fb","iat":1e9}`,
		`{"jti":"4","htm":"get","htu":"https://u:p@api.example/a/b/../b","iat":-1,"exp":1,"nbf":1}`,
	} {
		f.Add(claims)
	}
	f.Fuzz(func(t *testing.T, claims string) {
		p := p
		p.tb = t
		if !json.Valid([]byte(claims)) {
			return
		}
		proof := p.sign(map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": p.jwk}, json.RawMessage(claims))
		jkt, err := newProofs(t, nil).Check(t.Context(), proven("GET", "/a/b", proof), at, "")
		if err != nil {
			return
		}
		var c map[string]any
		if err := json.Unmarshal([]byte(claims), &c); err != nil {
			t.Fatal(err)
		}
		htu, err := url.Parse(c["htu"].(string))
		iat := c["iat"].(float64)
		if jkt != p.jkt || c["htm"] != "GET" || c["jti"] == "" || err != nil || math.Abs(iat-float64(clock().Unix())) > 61 ||
			!strings.EqualFold(htu.Hostname(), "api.example") || htu.Scheme != "https" || !strings.HasSuffix(htu.JoinPath().Path, "/a/b") {
			t.Errorf("proof with claims %s passes", claims)
		}
	})
}

// A status list never inflates beyond its bound, and a place is what the standard library's reading of it says.
func FuzzStatusList(f *testing.F) {
	f.Add(1, "eNrbuRgAAhcBXQ", int64(3))
	f.Add(2, "eNo76fITAAPfAgc", int64(11))
	f.Add(8, deflated(1, 2, 3), int64(2))
	f.Add(3, "AAAA", int64(0))
	f.Add(1, deflated(make([]byte, 1<<16)...), int64(-1))
	f.Fuzz(func(t *testing.T, bits int, lst string, index int64) {
		value, ok, err := guard.StatusAt(map[string]any{"bits": float64(bits), "lst": lst}, index)
		if err != nil {
			return
		}
		packed, err := base64.RawURLEncoding.Strict().DecodeString(lst)
		if err != nil || strings.ContainsAny(lst, "\r\n") || 8%bits != 0 {
			t.Fatalf("accepted %d bits of %q", bits, lst)
		}
		z, err := zlib.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		places, err := io.ReadAll(z)
		if err != nil || len(places) > guard.MaxList {
			t.Fatalf("accepted %d bytes, %v", len(places), err)
		}
		if ok != (index >= 0 && index < int64(len(places))*int64(8/bits)) {
			t.Fatalf("place %d of %d bytes: %v", index, len(places), ok)
		}
		if ok && value != places[index*int64(bits)/8]>>(index*int64(bits)%8)&byte(1<<bits-1) {
			t.Errorf("place %d is %d", index, value)
		}
	})
}
