package guard

import (
	"context"
	"net/http"
)

// WithIdentity is ctx with t as its Identity, for what Require does not stand before.
func WithIdentity(ctx context.Context, t *Token) context.Context {
	return context.WithValue(ctx, identityKey{}, t)
}

type handler struct {
	guard  *Guard
	policy *policy
	next   http.Handler
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t, err := h.guard.check(r, h.policy)
	if err != nil {
		h.policy.onError(w, r, err)
		return
	}
	if h.policy.cookie {
		w.Header().Add("Vary", "Cookie")
	}
	if (len(h.policy.query) > 0 || len(h.policy.ticket) > 0) && w.Header().Get("Cache-Control") == "" { // RFC 6750 section 2.3
		w.Header().Set("Cache-Control", "private")
	}
	if t != nil && t.jkt != "" && h.guard.cfg.DPoP != nil && h.guard.cfg.DPoP.cfg.RequireNonce { // RFC 9449 section 8.2
		setNonce(w.Header(), h.guard.cfg.DPoP.Nonce())
	}
	// A guard further out may have let somebody in whom this one did not find.
	if t != nil || Identity(r.Context()) != nil {
		r = r.WithContext(WithIdentity(r.Context(), t))
	}
	h.next.ServeHTTP(w, r)
}

type identityKey struct{}

// Identity is the token that the innermost Require let in, nil when there was
// none. The methods of a nil *Token answer with zero values.
func Identity(ctx context.Context) *Token {
	t, _ := ctx.Value(identityKey{}).(*Token)
	return t
}
