package api

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
)

// Tickets seals access tokens for one use in a URL, where guard.FromTicket opens them.
type Tickets interface {
	// Seal says for how long the ticket of a token counts that expires then. The error is guard.TokenExpired where the token ends within
	// a second, else a *problem.Error.
	Seal(token string, expires time.Time) (ticket string, life time.Duration, err error)
}

// ticketing bounds how many tickets one subject gets: as many at once as it may have sockets, then one a second.
var ticketing = cluster.Rate{Burst: 60, Every: time.Second}

// ticketRoutes mounts what hands out tickets. They are for every access token that counts here, those of OAuth clients included, unlike the
// account: a ticket may do nothing that the token in it may not, and dies with it.
func (a *API) ticketRoutes(mux *http.ServeMux, prefix string) {
	if a.Tickets != nil {
		mux.Handle("POST "+prefix+"/ticket", a.Guard.Require()(a.Web.Handle(a.sameOrigin(a.ticket))))
	}
}

// ticket seals the access token that the request came with. No database is asked: the ticket is spent where it is used.
func (a *API) ticket(w http.ResponseWriter, r *http.Request) error {
	t := guard.Identity(r.Context())
	if wait := a.Limits.Take(r.Context(), "ticket:"+t.Subject(), ticketing); wait > 0 { // 2
		return &problem.Error{Kind: problem.TooMany, Code: "too_many_requests", RetryAfter: wait}
	}
	ticket, life, err := a.Tickets.Seal(a.accessToken(r), t.ExpiresAt()) // 5
	if errors.Is(err, guard.TokenExpired) {
		guard.WriteError(w, r, &guard.Error{Reason: guard.TokenExpired, Realm: "api"})
		return nil
	}
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, struct { // 7
		Ticket    string `json:"ticket"`
		ExpiresIn int64  `json:"expires_in"` // seconds
	}{ticket, int64(life / time.Second)})
}

// accessToken is what the guard let in: a header of its schemes, else the cookie.
func (a *API) accessToken(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "DPoP") {
		return strings.Trim(token, " ")
	}
	c, err := r.Cookie(a.Cookies.Access)
	if err != nil {
		return ""
	}
	return c.Value
}
