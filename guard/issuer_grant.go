package guard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Grant is what a token says. Only Subject is required: what is empty is left out. All strings are
// UTF-8.
type Grant struct {
	// Subject is who the token is for, claim sub.
	Subject string
	// Fresh says that the user has proved who they are just now (requirement Fresh).
	Fresh bool
	// Roles are checked by Role. Refresh tokens do not have them: look them up when refreshing.
	Roles []string
	// Scope is checked by the requirement Scope.
	Scope []string
	// ClientID is the OAuth client, claim client_id.
	ClientID string
	// Session is what a logout ends, claim sid; the same in the access and refresh tokens of a sign-in,
	// and another for each sign-in.
	Session string
	// Generation numbers the refresh tokens of a session for Config.Rotation, claim generation of
	// theirs, default 1; Token.Grant counts it up.
	Generation int64
	// CSRF is what a page must send back when the token travels in a cookie; the same in both tokens.
	CSRF string
	// AuthTime is when the user last proved who they are, claim auth_time.
	AuthTime time.Time
	// NotAfter is when the session ends at the latest: no token of it lives longer. Zero: no such end.
	NotAfter time.Time
	// Lifetime is this token's, default IssuerConfig.Access or Refresh; in whole seconds.
	Lifetime time.Duration
	// Claims are further ones, by name. Those that fields stand for, and others that mean something
	// to a verifier, are refused.
	Claims map[string]any
}

// Grant is what a token that is made in exchange for t may say, where t is a refresh token: subject,
// client, scope, session and CSRF value of t, not fresh, and not for longer than t. Roles and
// further claims are not taken over: look them up, they may have changed. So a user signs in at
// least once in IssuerConfig.Refresh; clear NotAfter to let sessions that are used live on.
func (t *Token) Grant() Grant {
	g := Grant{
		Subject: t.Subject(), ClientID: t.ClientID(), Session: t.Session(), CSRF: t.String("csrf"),
		Scope:    append([]string(nil), t.Scopes()...), // nil where there are none
		AuthTime: t.AuthTime(), NotAfter: t.ExpiresAt(),
	}
	if n := t.generation(); n > 0 {
		g.Generation = n + 1
	}
	return g
}

// grantClaims are the claims of a token, in the order in which they are written.
type grantClaims struct {
	Issuer     string   `json:"iss"`
	Subject    string   `json:"sub"`
	Audience   any      `json:"aud"` // a string where there is one (RFC 7519 section 4.1.3)
	Expires    int64    `json:"exp"`
	IssuedAt   int64    `json:"iat"`
	ID         string   `json:"jti"`
	ClientID   string   `json:"client_id,omitempty"`
	Scope      string   `json:"scope,omitempty"`
	Session    string   `json:"sid,omitempty"`
	Generation int64    `json:"generation,omitempty"`
	Roles      []string `json:"roles,omitempty"`
	AuthTime   int64    `json:"auth_time,omitempty"`
	Type       string   `json:"type,omitempty"`
	Fresh      *bool    `json:"fresh,omitempty"`
	CSRF       string   `json:"csrf,omitempty"`
}

// reserved claims are not for Grant.Claims: those of grantClaims, role, which stands for roles, and
// those that change what a token is or for whom.
var reserved = strings.Fields("iss sub aud exp nbf iat jti client_id scope sid generation roles role auth_time type fresh csrf cnf act may_act status")

// payload checks the grant and writes the claims, its further ones last.
func (g *Grant) payload(c grantClaims) ([]byte, error) {
	switch {
	case g.Subject == "":
		return nil, errors.New("Subject is empty")
	case g.Generation < 0:
		return nil, errors.New("a Generation is 1 or more, or 0 for 1")
	case c.Expires <= c.IssuedAt:
		return nil, errors.New("it would have expired already: Lifetime is under a second, or NotAfter has passed")
	case slices.ContainsFunc(g.Scope, notScope):
		return nil, fmt.Errorf("Scope %q has what is no scope-token (RFC 6749 section 3.3)", g.Scope)
	}
	for name := range g.Claims {
		isReserved := func(r string) bool { return strings.EqualFold(r, name) } // some verifiers read EXP as exp
		if slices.ContainsFunc(reserved, isReserved) {
			return nil, fmt.Errorf("claim %q is reserved: use the field of Grant or IssuerConfig that stands for it", name)
		}
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	if len(g.Claims) > 0 {
		more, err := json.Marshal(g.Claims)
		if err != nil {
			return nil, fmt.Errorf("marshal Claims: %w", err)
		}
		payload = append(append(payload[:len(payload)-1], ','), more[1:]...)
	}
	// encoding/json writes this for every byte that is not UTF-8, and so one user's name as another's.
	if bytes.Contains(bytes.ReplaceAll(payload, []byte(`\\`), nil), []byte(`\ufffd`)) {
		return nil, errors.New("a string in it is not UTF-8")
	}
	return payload, nil
}
