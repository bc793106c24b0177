package server

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/console"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/token"
	"github.com/sandi-auth/sandi/jwt"
)

// openPlaces prepares the places in status lists that sessions and tokens get. Nobody could verify a list that is signed by HS256.
func (s *Server) openPlaces() {
	if s.cfg.OAuth.StatusLists && jwt.Algorithm(s.cfg.Token.Algorithm) != jwt.HS256 {
		s.places = revocation.NewPlaces(revocation.PlacesConfig{Store: s.db, Issuer: s.cfg.Issuer, Now: s.now})
	}
}

// statusOf is session.Config.Status: nil without status lists.
func (s *Server) statusOf() func(context.Context, time.Time) (revocation.Place, error) {
	if s.places == nil {
		return nil
	}
	return s.places.Next
}

// statusClaim is api.Config.Status.
func (s *Server) statusClaim(of session.Session) *token.Status {
	if s.places == nil || of.Status.List == 0 {
		return nil
	}
	return &token.Status{Index: of.Status.Bit, URI: s.places.URI(of.Status)}
}

// refuseNamesakes refuses to start where a client of the configuration has the id of a user: their tokens would say the same sub
// (RFC 9068 section 5).
func (s *Server) refuseNamesakes(ctx context.Context) error {
	var ids []string
	for _, c := range s.cfg.OAuth.Clients {
		ids = append(ids, c.ID)
	}
	for some := range slices.Chunk(ids, account.MaxImport) {
		users, err := s.db.UsersOf(ctx, some)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return &badFile{fmt.Sprintf("oauth.clients: %q is the name of a user", users[0].Subject), "give the client another id: tokens of both would have the same sub"}
		}
	}
	return nil
}

// nonceKeys are those of DPoP nonces. As with all that nodes share, that of the store's master key comes first; while that changes, nodes
// that have not followed yet hand out others, which count too.
func (s *Server) nonceKeys() func() [][]byte {
	var all [][]byte
	for _, m := range s.masters.All() {
		all = append(all, m.Derive("dpop nonce", 32))
	}
	return func() [][]byte {
		first := max(s.masters.Current(), 0)
		return append([][]byte{all[first]}, slices.Delete(slices.Clone(all), first, first+1)...)
	}
}

// proofs checks DPoP proofs for what stands under the issuer's URL. One-time values and nonces are those of all nodes.
func (s *Server) proofs(issuer *url.URL, requireNonce bool) (*guard.Proofs, error) {
	return guard.NewProofs(guard.ProofsConfig{
		PublicURL: issuer.Scheme + "://" + issuer.Host, Replay: s.db, Now: s.now,
		NonceKeys: s.nonceKeys(), RequireNonce: requireNonce,
	})
}

// wireOAuth builds the protocol endpoints and the pages.
func (s *Server) wireOAuth(issuer *url.URL) error {
	proofs, err := s.proofs(issuer, s.cfg.OAuth.RequireDPoPNonce)
	if err != nil {
		return err
	}
	c, err := s.oauthConfig()
	if err != nil {
		return err
	}
	o := s.cfg.OAuth
	c.Issuer, c.Web, c.Store, c.Accounts, c.Sessions, c.Minter = s.cfg.Issuer, s.web, s.db, s.accounts, s.sessions, s.minter
	c.Keys, c.Guard, c.Proofs, c.Revoked = s.ring, s.userinfo, proofs, s.revocations
	c.Limits, c.Replay, c.Metrics, c.Logger, c.Now = s.shared, s.db, s.registry, s.log, s.now
	if s.places != nil {
		c.Status = s.places
	}
	c.BrowserIdle, c.BrowserAbsolute, c.RequestLifetime = o.BrowserIdle, o.BrowserAbsolute, o.RequestLifetime
	c.PushedLifetime, c.CodeLifetime, c.DeviceLifetime = o.PushedLifetime, o.CodeLifetime, o.DeviceLifetime
	c.Secure, c.Audience, c.RequirePushed = issuer.Scheme == "https", s.cfg.Token.Audience, o.RequirePushed
	c.MutualTLS = s.cfg.Listen.TLS().On() && s.cfg.Listen.TLSClientAuth != "none"
	c.InsecureAllowPrivate = o.InsecurePrivateLogout
	c.Lease = func(ctx context.Context, name string, d time.Duration) (bool, error) {
		return s.db.Lease(ctx, name, s.node, d)
	}
	if s.oauth, err = oauth.New(c); err != nil {
		return err
	}
	s.console, err = console.New(console.Config{
		Web: s.web, OAuth: s.oauth, Accounts: s.accounts, Sessions: s.sessions, Limits: s.shared,
		OpenRegistration: s.cfg.API.Registration == "open", Secure: c.Secure, Now: s.now,
	})
	return err
}

// issuerHost is what authenticator applications call this server.
func issuerHost(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
