// Package guard stands before an HTTP handler and says who is calling, whether
// they may, and why not.
//
//	g, err := guard.New(guard.Config{
//		Issuer:   "https://auth.example", // whose keys are discovered, unless Config.Keys has them
//		Audience: []string{"https://api.example"},
//	})
//	mux.Handle("GET /protected", g.Require()(protected))
//	mux.Handle("POST /orders", g.Require(guard.Fresh(5*time.Minute))(orders))
//	mux.Handle("POST /products", g.Require(guard.Role("manager"))(addProduct))
//	mux.Handle("GET /optional", g.Require(guard.Optional())(greet))
//
// In the handler, Identity says who it is:
//
//	who := guard.Identity(r.Context()).Subject() // "" when nobody
//
// # Where the token comes from
//
// The Authorization header alone, unless Config.Sources or From say otherwise.
// A header, a query key, a body key, a ticket and an element of
// Sec-WebSocket-Protocol are explicit credentials; a cookie is
// ambient, for the browser sends it unasked. Two explicit ones are refused. One
// explicit makes the cookie ignored, and if it is bad no cookie rescues it.
// Optional forgives the absence of a credential, never a bad one.
//
// A cookie on a method that changes something needs the token's csrf claim in a
// header, and a WebSocket upgrade by cookie needs an Origin that is allowed.
//
// Scripts of a page cannot set the Authorization header of a WebSocket: for them
// there are FromTicket, a URL that is worth nothing after one use or some
// seconds, and FromProtocol.
//
// # Answers
//
// The body is {"error": reason, "msg": sentence}, the sentence in English,
// Indonesian or Traditional Chinese by Accept-Language. WWW-Authenticate carries
// the code of RFC 6750 section 3.1, RFC 9470 section 3 or RFC 9449 section 7.1.
//
//	reason                   status  code in WWW-Authenticate
//	token_missing            401     none (RFC 6750 section 3.1)
//	token_invalid            401     invalid_token
//	token_expired            401     invalid_token
//	token_not_yet_valid      401     invalid_token
//	token_revoked            401     invalid_token
//	token_wrong_type         401     invalid_token
//	token_not_fresh          401     insufficient_user_authentication, max_age
//	step_up_required         401     insufficient_user_authentication, acr_values
//	invalid_dpop_proof       401     invalid_dpop_proof
//	use_dpop_nonce           401     use_dpop_nonce; DPoP-Nonce
//	csrf_failed              403     no challenge: another token would not help
//	forbidden                403     insufficient_scope, scope
//	invalid_request          400     invalid_request (413 for too large a body)
//	temporarily_unavailable  503     no challenge; Retry-After
//
// Checks run in the order: credential, token, kind, proof of its key, CSRF value,
// revocation, roles, scopes, freshness, context (ACR), claim checks, and last a
// one-time token or a ticket is spent. Whoever sealed a ticket has checked the
// proof of its token's key.
// The first that fails is the answer. ErrorWriters replaces the answer of single
// reasons, Error.Hint tells a developer what is likely wrong, and a function of
// the program's own that panics is a refusal like any other.
//
// Signatures are verified once and then remembered (Config.CacheSize); all else
// is checked for every request.
//
// # Routes
//
// Requirements compose: Optional, OptionalExpired, Fresh, ACR, Refresh, Role,
// Scope, Type, OneTime, Claim, BoundAs, SkipRevocation, From, OnError. Except turns it round: a
// guard before a whole mux, and the routes that need no token named.
//
// # Ending tokens early
//
// Config.Revocations is asked about every token. A RevocationList is filled by
// the program, with End where somebody signs out, or kept equal to a Sandi
// server's by a Follower; StatusLists are what any issuer publishes (Token Status
// List); AnyRevocation asks several. Lifetime is a
// context that ends when the token does, for sockets and streams, and Extend
// gives it a newer one.
//
// # Tokens bound to a key
//
// Config.DPoP takes tokens that count only with a proof of the client's key (RFC
// 9449), and Config.MutualTLS those that count only with the client's certificate
// (RFC 8705). Neither passes as a bearer token, which is what a thief has.
//
// # Issuing
//
// A program without a Sandi server has an Issuer: access, refresh and one-time
// tokens, and their cookies. FlaskCompat takes the tokens of a
// Flask-JWT-Extended service and answers as it does.
//
// # What is refused though it verifies
//
// A refresh token where an access token is wanted and the reverse; any other
// typ, an ID token among them; a token bound to a key (claim cnf) without the
// proof that this asks for.
package guard
