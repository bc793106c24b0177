package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/token"
	"github.com/sandi-auth/sandi/jwt"
)

// FuzzForm: what is read is text, each parameter once but for those of RFC 8707, and says the same again.
func FuzzForm(f *testing.F) {
	for _, s := range []string{"", "a=b", "a=&a=b", "resource=x&resource=y", "scope=a+b%20a", "%zz", "a=%00", "a=%ff", "a;b=c", "=x", "&&&", "a=b=c", "A=1&a=2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseForm(text)
		if err != nil {
			if got != nil {
				t.Error("both a form and an error")
			}
			return
		}
		again := url.Values{}
		for name, all := range got {
			if len(all) == 0 || len(all) > 1 && name != "resource" && name != "audience" {
				t.Errorf("%q: %q", name, all)
			}
			for _, v := range all {
				if v == "" || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
					t.Errorf("%q: %q", name, v)
				}
			}
			again[name] = all
			got.list(name)
		}
		if same, err := parseForm(again.Encode()); err != nil || len(same) != len(got) {
			t.Errorf("%q again: %v, %v", text, same, err)
		}
	})
}

// fuzzWorld is an Endpoint that knows its own tokens and one client, and a genuine token of each kind.
func fuzzWorld(f *testing.F) (e *Endpoint, c Client, access, id, assertion string) {
	f.Helper()
	at := time.Unix(1_800_000_000, 0)
	now := func() time.Time { return at }
	k, err := jwt.GenerateKey(jwt.EdDSA)
	if err != nil {
		f.Fatal(err)
	}
	set, err := jwt.NewKeySet(k)
	if err != nil {
		f.Fatal(err)
	}
	public, err := json.Marshal(set)
	if err != nil {
		f.Fatal(err)
	}
	list := guard.NewRevocationList(guard.RevocationListConfig{Now: now})
	if e, err = New(Config{Issuer: "https://id.example", Keys: set, Now: now, Revoked: list}); err != nil {
		f.Fatal(err)
	}
	sign := func(typ string, more map[string]any) string {
		c := map[string]any{"iss": e.Issuer, "sub": "siti", "aud": "https://a.example", "exp": at.Unix() + 60, "iat": at.Unix(), "jti": "1", "client_id": "web"}
		for name, v := range more {
			c[name] = v
		}
		signed, err := jwt.Sign(k, typ, c)
		if err != nil {
			f.Fatal(err)
		}
		return signed
	}
	c = Client{ID: "web", KeySet: string(public), AuthMethod: AuthPrivateKeyJWT, Serves: []string{"https://a.example"}, MayImpersonate: true}
	return e, c, sign(token.Type, nil), sign(idTokenType, map[string]any{"aud": "web"}), sign("JWT", map[string]any{"iss": "web", "aud": e.Issuer})
}

// FuzzExchangedToken: no text but a genuine token of its type is ever taken for one, and introspection answers any.
func FuzzExchangedToken(f *testing.F) {
	e, c, access, id, assertion := fuzzWorld(f)
	for _, s := range []string{access, id, assertion, "", ".", "a.b.c", access + ".", access[:len(access)-1], "sdr_" + strings.Repeat("A", 82), "eyJhbGciOiJub25lIn0.e30."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q := &tokenRequest{Request: httptest.NewRequest("POST", "/", nil), client: c}
		for typ, genuine := range map[string]string{tokenTypeAccess: access, tokenTypeJWT: access, tokenTypeID: id} {
			if _, err := e.party(context.Background(), q, "subject_token", text, typ); (err == nil) != (text == genuine) {
				t.Errorf("%s %q: %v", typ, text, err)
			}
		}
		if strings.HasPrefix(text, "sdr_") {
			return // session's to read
		}
		body, err := e.introspection(context.Background(), c, text)
		if err != nil || bytes.Equal(body, inactive) == (text == access) || !json.Valid(body) {
			t.Errorf("introspection of %q: %s, %v", text, body, err)
		}
	})
}

// FuzzGrantAssertion: nothing but what the client's key signed vouches for a user.
func FuzzGrantAssertion(f *testing.F) {
	e, c, access, id, assertion := fuzzWorld(f)
	for _, s := range []string{access, id, assertion, "", "a.b.c", assertion[:len(assertion)-1]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		claims, err := e.verifyByClient(context.Background(), c, text, []string{e.Issuer})
		if (err == nil) != (text == assertion) || err == nil && claims.Subject() != "siti" {
			t.Errorf("%q: %v", text, err)
		}
	})
}
