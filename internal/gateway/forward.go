package gateway

import (
	"net/http"

	"github.com/sandi-auth/sandi/guard"
)

// ForwardConfig is what the forward-auth endpoint needs.
type ForwardConfig struct {
	Guard *guard.Guard // of the tokens of any route; requirements stand in the query: role, scope, fresh, optional
	// Signer and Issuer as in Config.
	Config
}

// NewForward is the handler of /forward-auth: 204 or 200 with every identity header, 401 or 403 with the challenge.
func NewForward(c ForwardConfig) (http.Handler, error) { panic("gateway: to be written") }
