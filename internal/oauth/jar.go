package oauth

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/sandi-auth/sandi/jwt"
)

// openRequestObject verifies a signed authorization request (RFC 9101) and returns the parameters in it. Those beside it do not count
// (section 6.3), but for client_id, which has to be the same. What is wrong is told on a page: nothing in the object can be
// trusted before all of it is.
func (e *Endpoint) openRequestObject(ctx context.Context, c Client, outer form) (form, error) {
	wrong := func(cause error, description string) (form, error) {
		return nil, withCause(refuse("invalid_request_object", description), cause)
	}
	if c.KeySet == "" {
		return wrong(nil, "the client has no keys registered to sign requests with")
	}
	claims, err := e.verifyByClient(ctx, c, outer.get("request"), []string{e.Issuer})
	if err != nil {
		return wrong(err, "the request object is not signed by a key of the client's, or is not valid now: iss is the client_id, aud the issuer, and exp is needed")
	}
	switch t := claims.Type(); {
	case t != "oauth-authz-req+jwt" && t != "jwt", claims.Subject() == c.ID: // the latter is a client assertion (section 10.8)
		return wrong(nil, "what came as request is no request object: typ is oauth-authz-req+jwt, and sub is not the client_id")
	case claims.String("client_id") != c.ID:
		return wrong(nil, "client_id inside of the request object is not the one outside")
	case claims.Has("request"), claims.Has("request_uri"): // section 4
		return wrong(nil, "a request object holds no request and no request_uri")
	}
	return parametersOf(claims)
}

// parametersOf spells the claims of a request object as the parameters that they stand for (RFC 9101 section 4).
func parametersOf(claims *jwt.Claims) (form, error) {
	document, err := claims.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var members map[string]any
	if err := json.Unmarshal(document, &members); err != nil {
		return nil, err
	}
	f := form{"request": {"opened"}} // for check, which asks whether there was one
	for name, member := range members {
		switch v := member.(type) {
		case string:
			f[name] = []string{v}
		case float64:
			f[name] = []string{strconv.FormatFloat(v, 'f', -1, 64)}
		case map[string]any: // claims
			text, err := json.Marshal(v)
			if err != nil {
				return nil, err
			}
			f[name] = []string{string(text)}
		case []any: // resource (RFC 8707 section 2)
			for _, one := range v {
				s, _ := one.(string)
				f[name] = append(f[name], s)
			}
		}
		if slices.ContainsFunc(f[name], func(v string) bool { return strings.ContainsRune(v, 0) }) { // as parseForm
			return nil, refuse("invalid_request_object", "a parameter is not text: "+visible(name))
		}
		if len(f[name]) == 0 || f[name][0] == "" || len(f[name]) > 1 && name != "resource" {
			delete(f, name)
		}
	}
	return f, nil
}
