package guard

import (
	"context"
	"net/http"
)

// Proofs checks DPoP proofs (RFC 9449).
type Proofs struct{}

// Check verifies the one proof of r (RFC 9449 section 4.3): made for its method and for url, and, where accessToken is not empty, for
// that token. It returns the thumbprint of the key that made it; "" and no error where r has no DPoP header.
func (p *Proofs) Check(ctx context.Context, r *http.Request, url, accessToken string) (jkt string, err error) {
	return "", nil
}
