package oauth

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"
)

// introspectionType is typ and, after "application/", media type of signed answers (RFC 9701 section 5).
const introspectionType = "token-introspection+jwt"

// acceptsSigned says whether the caller asks for a signed answer (RFC 9701 section 4), by naming its media type.
func acceptsSigned(r *http.Request) bool {
	for _, line := range r.Header["Accept"] {
		for one := range strings.SplitSeq(line, ",") {
			t, params, err := mime.ParseMediaType(one)
			q, given := params["q"]
			if err == nil && t == "application/"+introspectionType && (!given || strings.Trim(q, "0.") != "") { // q=0: anything but this
				return true
			}
		}
	}
	return false
}

// writeSigned writes a JSON answer as the one claim of a JWT for this caller alone (RFC 9701 section 5): no exp and no sub, so
// that it passes for no other token.
func (e *Endpoint) writeSigned(w http.ResponseWriter, c Client, body []byte) error {
	signed, err := e.Minter.Sign(introspectionType, struct {
		Issuer        string          `json:"iss"`
		Audience      string          `json:"aud"`
		IssuedAt      int64           `json:"iat"`
		Introspection json.RawMessage `json:"token_introspection"`
	}{e.Issuer, c.ID, e.Now().Unix(), body})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/"+introspectionType)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(signed)) // the client has gone: nobody is left to tell
	return nil
}
