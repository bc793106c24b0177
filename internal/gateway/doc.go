// Package gateway is a guard in front of other people's servers: a reverse proxy for HTTP, WebSockets and event streams whose connections live
// no longer than their token, and the forward-auth endpoint for proxies that people already have.
//
//	request ─> canonical path ─> route ─> CORS ─> guard ─> rate ─> strip what only we may say ─> identity ─> upstream
//	                                                 └ guard.Lifetime ─> close frame at a frame boundary, or event: auth_expired
//
// What ends with the token: a WebSocket, by a close frame to both sides; a stream of events, by a last event; every other answer
// that is still under way, a long download too, by cutting it off, so that the client knows that it is not whole. A request whose
// token ends before the upstream has answered gets the guard's refusal.
//
// A path has one reading, or the answer is 400: servers differ in what they make of "//", "..", "%2f", "..;" and the like. Where a
// path would be another route's to a server that ignores case or path parameters, it is 400 as well.
package gateway
