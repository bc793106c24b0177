package demo

import (
	_ "embed"
	"net/http"
)

//go:embed missions.html
var missionsPage []byte

//go:embed missions.js
var missionsScript []byte

// missionsPolicy lets the page have our stylesheet, its own script and connections to this server, and nothing else.
const missionsPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"

// missions is the field agent as a page: it signs in by cookie, and talks over the WebSocket.
func missions(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Security-Policy", missionsPolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", "en")
	_, _ = w.Write(missionsPage) // the browser has gone: nobody is left to tell
	return nil
}

func script(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	_, _ = w.Write(missionsScript)
	return nil
}
