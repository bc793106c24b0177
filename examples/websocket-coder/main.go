// Command websocket-coder keeps a WebSocket of github.com/coder/websocket open as long as its token counts: it is closed
// with 4001 when the token expires or is revoked, and lives on by a newer one sent as {"token": "..."}.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

const (
	addr       = "127.0.0.1:8080"
	tokenEnded = 4001 // of the codes 4000 to 4999, which are ours to give (RFC 6455 section 7.4.2)
)

type app struct {
	guard *guard.Guard
	ended *guard.RevocationList
}

func routes(iss *guard.Issuer) (http.Handler, error) {
	c, ended := iss.Config(), guard.NewRevocationList(guard.RevocationListConfig{})
	c.Revocations = ended
	g, err := guard.New(c)
	if err != nil {
		return nil, err
	}
	a := &app{g, ended}
	mux := http.NewServeMux()
	mux.Handle("GET /ws", g.Require(guard.Role("pilot"))(http.HandlerFunc(a.socket)))
	mux.Handle("POST /logout", g.Require()(http.HandlerFunc(a.logout)))
	return mux, nil
}

func (a *app) socket(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil) // from our own pages alone; without compression
	if err != nil {
		return // Accept has answered
	}
	defer c.CloseNow()
	c.SetReadLimit(64 << 10)
	life := guard.Lifetime(r.Context())
	stop := context.AfterFunc(life, func() {
		c.Close(tokenEnded, reason(context.Cause(life))) // not by Read's context, which would drop the connection without a word
	})
	defer stop()
	for {
		_, message, err := c.Read(r.Context())
		if err != nil || life.Err() != nil { // what comes after the end is not acted on
			return
		}
		if c.Write(r.Context(), websocket.MessageText, a.answer(life, message)) != nil {
			return
		}
	}
}

// answer extends the socket by a newer token, and echoes what else comes.
func (a *app) answer(life context.Context, message []byte) []byte {
	var in struct{ Token string }
	if json.Unmarshal(message, &in) != nil || in.Token == "" {
		return fmt.Appendf(nil, "%s says %q", guard.Identity(life).Subject(), message)
	}
	newer, err := a.guard.CheckToken(life, in.Token, guard.Role("pilot")) // what the route asks for
	if err == nil {
		err = guard.Extend(life, newer)
	}
	if err != nil {
		return fmt.Appendf(nil, `{"error":%q}`, reason(err)) // the socket lives on until the old token ends
	}
	return fmt.Appendf(nil, `{"until":%q}`, newer.ExpiresAt().Format(time.RFC3339))
}

func reason(err error) string {
	if e, ok := errors.AsType[*guard.Error](err); ok {
		return string(e.Reason)
	}
	return "server_error"
}

// logout ends the session, and with it the sockets of its tokens.
func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	a.ended.Prune()                    // of sessions that ended more than an hour ago
	until := time.Now().Add(time.Hour) // by when all its access tokens have expired
	if err := a.ended.End(guard.Identity(r.Context()), until); err != nil {
		log.Print(err)
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func main() {
	key, err := jwt.GenerateKey(jwt.ES256) // for this run; a program whose tokens outlive it loads one by jwt.ParsePEM
	check(err)
	iss, err := guard.NewIssuer(guard.IssuerConfig{Key: key, Issuer: "https://hq.example"})
	check(err)
	h, err := routes(iss)
	check(err)
	grant := iss.SignIn("agentx")
	grant.Roles = []string{"pilot"}
	token, err := iss.Access(grant)
	check(err)
	fmt.Printf("npx wscat -H 'Authorization: Bearer %s' -c ws://%s/ws\ncurl -i -X POST -H 'Authorization: Bearer %[1]s' http://%[2]s/logout\n", token, addr)
	s := &http.Server{Addr: addr, Handler: h, ReadHeaderTimeout: 5 * time.Second}
	check(s.ListenAndServe())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
