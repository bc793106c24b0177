// Package web is what every HTTP surface shares: handlers that return errors
// and the writers that answer them, the request log, limits, security headers,
// CORS, and the sentences in the caller's language.
//
//	Wrap: request id, address ─> Host ─> headers, CORS ─> route ─> Handle ─> handler
//	        <─ one log line, one metric <─ panic becomes 500 <─ error becomes JSON
package web
