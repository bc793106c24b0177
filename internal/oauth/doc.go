// Package oauth is OAuth 2.0 and OpenID Connect: clients, authorization codes,
// grants, and the endpoints that they are reached by.
//
//	authorize ── valid ──> request ── sign-in, consent (package console) ──> code ── token ──> session (a grant)
//	PAR ──> pushed request ──┘                                               device ──┘
//
// What a browser sees is rendered by package console: this package keeps the
// pending request, answers 303 to /signin, /consent or /signout, and takes the
// decision back. What is common to all grants stands on the token endpoint: a
// grant only fills in the hooks, so that none can forget a check.
package oauth
