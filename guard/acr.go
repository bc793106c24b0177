package guard

import (
	"errors"
	"fmt"
	"slices"
)

// ACR asks for a sign-in of one of these authentication contexts, by the claim acr (OpenID Connect Core 1.0 section 2), such
// as "urn:sandi:mfa". The refusal tells the client which to sign in with again, and how recently where Fresh asks for that
// too (RFC 9470). Of two on a route, only what both name will do.
func ACR(any ...string) Requirement {
	return Requirement{func(_ *Guard, p *policy) error {
		if len(any) == 0 || slices.ContainsFunc(any, notScope) { // they are sent as a list separated by spaces
			return fmt.Errorf("ACR(%q) needs values of printable ASCII without spaces and quotation marks", any)
		}
		all := slices.Clone(any)
		if len(p.acr) > 0 {
			all = slices.DeleteFunc(all, func(v string) bool { return !slices.Contains(p.acr, v) })
		}
		if p.acr = all; len(all) == 0 {
			return errors.New("the ACR of a route have no value in common")
		}
		return nil
	}}
}
