// Package gateway is a guard in front of other people's servers: a reverse proxy for HTTP, WebSockets and event streams whose connections live
// no longer than their token, and the forward-auth endpoint for proxies that people already have.
//
//	request ─> canonical path ─> route ─> CORS ─> guard ─> rate ─> strip what only we may say ─> identity ─> upstream
//	                                                 └ guard.Lifetime ─> close frame at a frame boundary, or event: auth_expired
package gateway
