package session

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

var (
	oldKey = MACKey{ID: [4]byte{1, 1, 1, 1}, Key: bytes.Repeat([]byte{1}, 32)}
	newKey = MACKey{ID: [4]byte{2, 2, 2, 2}, Key: bytes.Repeat([]byte{2}, 32)}
	sample = contents{
		id:         ID{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
		generation: 0x01020304, secret: [16]byte{0xff, 0xfe, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
	}
)

// sampleToken pins the format, computed apart from this package: it must never
// change under version 1.
const sampleToken = "sdr_AQEBAQEAAQIDBAUGBwgJCgsMDQ4PAQIDBP_-AwQFBgcICQoLDA0ODxCb4qwe2G6qxKYLGczLE-xy2FlFcu"

// secure-defaults 5c
func TestRefreshFormat(t *testing.T) {
	t.Parallel()
	got := oldKey.encode(sample)
	if got.Reveal() != sampleToken {
		t.Errorf("got %s, want %s", got.Reveal(), sampleToken)
	}
	if c, err := decode([]MACKey{oldKey}, got.Reveal()); err != nil || c != sample {
		t.Errorf("got %+v, %v", c, err)
	}
	if !IsRefresh(sampleToken) || IsRefresh("eyJhbGciOiJFUzI1NiJ9.e30.x") {
		t.Error("IsRefresh does not tell a refresh token from a JWT")
	}
}

// TestRefreshKeyChange: during a change of the master key both verify.
func TestRefreshKeyChange(t *testing.T) {
	t.Parallel()
	both, later := []MACKey{newKey, oldKey}, []MACKey{newKey}
	if _, err := decode(both, oldKey.encode(sample).Reveal()); err != nil {
		t.Errorf("old token during the change: %v", err)
	}
	if _, err := decode(later, newKey.encode(sample).Reveal()); err != nil {
		t.Errorf("token of the change after it: %v", err)
	}
	if _, err := decode(later, oldKey.encode(sample).Reveal()); !errors.Is(err, errOtherKey) || !errors.Is(err, ErrInvalidGrant) {
		t.Errorf("got %v for a token of a key that is gone, want ErrInvalidGrant", err)
	}
}

// resum gives a forged token a good checksum, so that what lies behind it is tested.
func resum(s string) string {
	s = s[:refreshUnsummed]
	return s + checksum(s)
}

// secure-defaults 5c
func TestRefreshRefused(t *testing.T) {
	t.Parallel()
	good := sampleToken
	raw := func(change func(b []byte)) string {
		b, err := base64.RawURLEncoding.DecodeString(good[len(refreshPrefix):refreshUnsummed])
		if err != nil {
			t.Fatal(err)
		}
		change(b)
		return resum(refreshPrefix + base64.RawURLEncoding.EncodeToString(b))
	}
	cases := map[string]string{
		"empty":            "",
		"prefix alone":     "sdr_",
		"other prefix":     resum("sda_" + good[4:]),
		"upper case":       strings.ToUpper(good),
		"one more":         good + "0",
		"one less":         good[:len(good)-1],
		"leading space":    " " + good,
		"padded":           good + "==",
		"checksum":         good[:len(good)-1] + "0",
		"standard base64":  resum(good[:4] + strings.NewReplacer("-", "+", "_", "/").Replace(good[4:])),
		"line break":       resum(good[:40] + "\n" + good[41:]),
		"carriage return":  resum(good[:40] + "\r" + good[41:]),
		"NUL":              resum(good[:40] + "\x00" + good[41:]),
		"version 0":        raw(func(b []byte) { b[0] = 0 }),
		"version 2":        raw(func(b []byte) { b[0] = 2 }),
		"unknown key":      raw(func(b []byte) { b[1]++ }),
		"other session":    raw(func(b []byte) { b[5] ^= 1 }),
		"other generation": raw(func(b []byte) { b[24] ^= 1 }),
		"other secret":     raw(func(b []byte) { b[25] ^= 1 }),
		"other MAC":        raw(func(b []byte) { b[56] ^= 1 }),
		"no MAC":           raw(func(b []byte) { clear(b[41:]) }),
		"other key's MAC":  raw(func(b []byte) { copy(b[41:], sum(newKey.Key, b[:41])) }),
	}
	for name, token := range cases {
		c, err := decode([]MACKey{oldKey}, token)
		if !errors.Is(err, ErrInvalidGrant) || c != (contents{}) {
			t.Errorf("%s: got %+v, %v; want ErrInvalidGrant", name, c, err)
		}
	}
	short := sample // a MAC that ends in a zero byte is not spelt without it
	for !strings.HasSuffix(string(oldKey.encode(short)[:refreshUnsummed]), "AA") {
		short.generation++
	}
	s := oldKey.encode(short).Reveal()
	if _, err := decode([]MACKey{oldKey}, resum(s[:refreshUnsummed-1][:20]+"\n"+s[20:refreshUnsummed-1])); err == nil {
		t.Error("a line break in the place of a zero byte was accepted")
	}
	for i := range good { // each character counts
		b := []byte(good)
		b[i] ^= 1
		if _, err := decode([]MACKey{oldKey}, string(b)); err == nil {
			t.Errorf("a token with another character %d was accepted", i)
		}
	}
}

// TestRefreshIsNeverPrinted: no way of formatting shows a token or a key.
// secure-defaults 16a
func TestRefreshIsNeverPrinted(t *testing.T) {
	t.Parallel()
	type answer struct {
		Token Refresh
		Key   MACKey
		Ptr   *MACKey
	}
	r := Refresh(sampleToken)
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b"} {
		fmt.Fprintf(&out, verb+verb+verb+"\n", r, answer{r, oldKey, &oldKey}, &oldKey)
	}
	fmt.Fprintln(&out, r.String(), fmt.Errorf("x: %v", r))
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("x", "token", r, "key", oldKey)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "token", r, "key", oldKey)
	if err := json.NewEncoder(&out).Encode(map[string]any{"token": r, "key": oldKey}); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{sampleToken[4:20], "0101010101", "1 1 1 1 1", "AQEBAQEB"} {
		if strings.Contains(strings.ToLower(out.String()), strings.ToLower(secret)) {
			t.Errorf("%q was printed:\n%s", secret, out.String())
		}
	}
}

// FuzzRefresh: whatever is accepted is exactly what its contents are written as,
// so no token has a second spelling, and nothing panics.
func FuzzRefresh(f *testing.F) {
	keys := []MACKey{newKey, oldKey}
	f.Add(sampleToken, false)
	f.Add(newKey.encode(contents{}).Reveal(), false)
	f.Add(sampleToken[:40]+"\n"+sampleToken[41:], true)
	f.Add("sdr_", true)
	f.Add(strings.Repeat("A", refreshLength), true)
	f.Fuzz(func(t *testing.T, token string, mend bool) {
		if mend && len(token) >= refreshUnsummed {
			token = resum(token)
		}
		c, err := decode(keys, token)
		if err != nil {
			if !errors.Is(err, ErrInvalidGrant) {
				t.Errorf("got %v, want ErrInvalidGrant", err)
			}
			return
		}
		if token != newKey.encode(c).Reveal() && token != oldKey.encode(c).Reveal() {
			t.Errorf("%q is a second spelling of %+v", token, c)
		}
	})
}
