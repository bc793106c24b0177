package oauth

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/web"
	"github.com/sandi-auth/sandi/jwt"
)

// claimsParameter is the parameter claims (OpenID Connect Core section 5.5).
type claimsParameter struct {
	UserInfo claimRequests `json:"userinfo"`
	IDToken  claimRequests `json:"id_token"`
}

// claimRequests are claims asked for one by one; one without conditions is null.
type claimRequests map[string]*struct {
	Essential bool  `json:"essential"`
	Value     any   `json:"value"`
	Values    []any `json:"values"`
}

// readClaims reads the parameter strictly: a name that stands twice is read differently by different parsers. No text is no request.
func readClaims(document json.RawMessage) (c claimsParameter, err error) {
	if len(document) > 0 {
		err = web.Unmarshal(document, &c)
	}
	return c, err
}

// acr is the values that the claim acr is asked to have, and whether one of them is a condition (section 5.5.1.1).
func (c claimRequests) acr() (values []string, essential bool) {
	asked := c["acr"]
	if asked == nil {
		return nil, false
	}
	for _, v := range append(asked.Values, asked.Value) {
		if s, ok := v.(string); ok {
			values = append(values, s)
		}
	}
	return values, asked.Essential && len(values) > 0
}

// subject is the user that a value for sub names, "" for none.
func (c claimsParameter) subject() (subject string, err error) {
	for _, member := range []claimRequests{c.IDToken, c.UserInfo} {
		asked := member["sub"]
		if asked == nil || asked.Value == nil {
			continue
		}
		s, ok := asked.Value.(string)
		if !ok || s == "" || subject != "" && s != subject {
			return "", errors.New("claims asks for several values of sub")
		}
		subject = s
	}
	return subject, nil
}

// scopeClaims are the claims that the granted scopes stand for (OpenID Connect Core section 5.4).
func scopeClaims(u account.User, scope []string) map[string]any {
	claims := map[string]any{}
	for _, s := range scope {
		switch s {
		case ScopeProfile:
			claims["preferred_username"] = u.Username
		case ScopeRoles:
			claims["roles"] = append([]string{}, u.Roles...)
		}
	}
	return claims
}

// userClaims are those of scopeClaims that were asked for by name, for an ID token. The parameter claims says where a claim is to
// stand; whether the client may have it the user decided by its scope.
func (e *Endpoint) userClaims(u account.User, scope []string, requested claimRequests) map[string]any {
	claims := scopeClaims(u, scope)
	for name := range claims {
		if _, asked := requested[name]; !asked {
			delete(claims, name)
		}
	}
	return claims
}

// idToken is what a client shows of an ID token that it was given before.
type idToken struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	SignIn   string   `json:"sid"`
}

// audience is aud, as a list also where it is one string (RFC 7519 section 4.1.3).
type audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// readHint reads an id_token_hint: an ID token of this server's, also one that has expired (OpenID Connect RP-Initiated Logout 1.0
// section 2), for as long as the key that signed it is published.
func (e *Endpoint) readHint(hint string) (t idToken, err error) {
	header, payload, err := jwt.VerifySignature(e.Keys, hint)
	if err != nil {
		return t, err
	}
	if header.Type != "jwt" {
		return t, fmt.Errorf("typ of id_token_hint is %q", header.Type)
	}
	if err := json.Unmarshal(payload, &t); err != nil {
		return t, fmt.Errorf("read id_token_hint: %w", err)
	}
	if t.Issuer != e.Issuer || t.Subject == "" || len(t.Audience) == 0 {
		return t, errors.New("id_token_hint is of another issuer, or lacks sub or aud")
	}
	return t, nil
}
