package oauth

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/problem"
)

// FuzzAuthorizationRequest: no query gets anything past the checks.
func FuzzAuthorizationRequest(f *testing.F) {
	e, _, _ := askable(f)
	for _, query := range []string{
		request().Encode(), request("client_id", "old", "response_type", "token").Encode(), request("claims", `{"id_token":{"acr":{"value":"x"}}}`).Encode(),
		request("max_age", "99999999999999999999").Encode(), request("request", "e30.e30.e30").Encode(), "client_id=shop&request_uri=" + pushedPrefix, "%00=&;",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		u := url.URL{Path: authorizePath, RawQuery: query}
		r := httptest.NewRequest("GET", "/", nil)
		r.URL = &u
		c, q, err := e.readRequest(r)
		if q.RedirectURI != "" && !c.redirects(q.RedirectURI) {
			t.Fatalf("%q is not registered", q.RedirectURI)
		}
		if err != nil {
			if problem.From(err).Kind == problem.Internal {
				t.Fatal(err)
			}
			return
		}
		if q.RedirectURI == "" || q.ClientID != c.ID || len(q.Resources) == 0 || q.ResponseType == responseCode && !isSHA256(q.Challenge) {
			t.Fatalf("passed: %+v", q)
		}
		document, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		var back Request
		if err := json.Unmarshal(document, &back); err != nil || back.State != q.State || back.Nonce != q.Nonce {
			t.Fatalf("kept as %s, which is not what came: %v", document, err)
		}
		at, err := url.Parse(strings.Replace(q.location(e.Issuer, "code", "1"), "#", "?", 1))
		if err != nil {
			t.Fatal(err)
		}
		if got := at.Query(); got.Get("state") != q.State || got.Get("iss") != e.Issuer {
			t.Fatalf("state %q came back as %q", q.State, got.Get("state"))
		}
	})
}

// FuzzClaimsParameter: what is read is JSON, and asks for what it says.
func FuzzClaimsParameter(f *testing.F) {
	for _, text := range []string{
		`{"id_token":{"acr":{"essential":true,"values":["urn:sandi:mfa"]}}}`, `{"userinfo":{"sub":{"value":"siti"}}}`, `{"id_token":null}`, `{"id_token":{"sub":{"value":1}}}`, `{`, `[]`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := readClaims(json.RawMessage(text))
		if err != nil || text == "" {
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("%q was read", text)
		}
		if values, essential := c.IDToken.acr(); essential && len(values) == 0 {
			t.Fatal("a condition that nothing meets")
		}
		_, _ = c.subject()
	})
}
