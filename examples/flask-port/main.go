// Command flask-port is the Flask-JWT-Extended application of a tutorial, route by route in Go.
package main

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

type app struct {
	*guard.Issuer
	passwords map[string]string     // users = {...}; a real program keeps argon2id hashes
	revoked   *guard.RevocationList // revoked_tokens = set()
}

func routes(key *jwt.Key, passwords map[string]string, now func() time.Time) (http.Handler, error) {
	cookies := guard.CookieConfig{InsecurePlainCookies: true, RefreshPath: "/refresh"} // loopback without TLS
	iss, err := guard.NewIssuer(guard.IssuerConfig{Key: key, Issuer: "http://127.0.0.1:5000", Cookie: cookies, Now: now})
	if err != nil {
		return nil, err
	}
	a := &app{iss, passwords, guard.NewRevocationList(guard.RevocationListConfig{Now: now})}
	c := iss.Config()
	c.Revocations = a.revoked // token_in_blocklist_loader
	c.Sources = []guard.Source{guard.FromHeader(), guard.FromCookie()}
	invalid := msg(http.StatusUnprocessableEntity, "Token tidak valid") // invalid_token_loader
	c.OnError = guard.ErrorWriters{
		guard.TokenExpired: msg(http.StatusUnauthorized, "Token telah kedaluwarsa"),    // expired_token_loader
		guard.TokenMissing: msg(http.StatusUnauthorized, "Token otorisasi diperlukan"), // unauthorized_loader
		guard.TokenInvalid: invalid, guard.TokenWrongType: invalid, guard.InvalidRequest: invalid,
	}.Write
	g, err := guard.New(c)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", a.login)
	mux.HandleFunc("POST /login/cookies", a.login)
	mux.Handle("GET /protected", g.Require()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // @jwt_required()
		reply(w, http.StatusOK, object{"logged_in_as": guard.Identity(r.Context()).Subject()}, nil) // get_jwt_identity()
	})))
	mux.Handle("POST /refresh", g.Require(guard.Refresh())(http.HandlerFunc(a.refresh))) // @jwt_required(refresh=True)
	mux.Handle("DELETE /logout", g.Require()(http.HandlerFunc(a.logout)))
	return mux, nil
}

func (a *app) login(w http.ResponseWriter, r *http.Request) {
	var in struct{ Username, Password string }
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&in)
	password, known := a.passwords[in.Username]
	if err != nil || subtle.ConstantTimeCompare([]byte(in.Password), []byte(password)) != 1 || !known {
		reply(w, http.StatusUnauthorized, object{"msg": "Username atau password salah"}, nil)
		return
	}
	grant := a.SignIn(in.Username) // fresh=True
	access, err := a.Access(grant) // create_access_token
	next, err2 := a.Refresh(grant) // create_refresh_token
	answer := object{"access_token": access, "refresh_token": next}
	if err = errors.Join(err, err2); r.URL.Path == "/login/cookies" {
		answer, err = object{"msg": "Login berhasil"}, errors.Join(err, a.SetCookies(w, access, next))
	}
	reply(w, http.StatusOK, answer, err)
}

func (a *app) refresh(w http.ResponseWriter, r *http.Request) {
	access, err := a.Access(guard.Identity(r.Context()).Grant()) // fresh=False
	answer := object{"access_token": access}
	if r.Header.Get("Authorization") == "" { // it came by cookie, and so goes the new one
		answer, err = object{"msg": "Token diperbarui"}, errors.Join(err, a.SetCookies(w, access, ""))
	}
	reply(w, http.StatusOK, answer, err)
}

// logout revokes the session, access and refresh token together, until its last token has expired.
func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	t := guard.Identity(r.Context())
	a.ClearCookies(w) // unset_jwt_cookies
	reply(w, http.StatusOK, object{"msg": "Logout berhasil"}, a.revoked.End(t, t.AuthTime().Add(31*24*time.Hour)))
}

type object map[string]string

// reply is jsonify; an error is logged and answered in its place.
func reply(w http.ResponseWriter, status int, o object, err error) {
	if err != nil {
		log.Print(err)
		status, o = http.StatusInternalServerError, object{"msg": "Kesalahan server"}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(o) // the client may be gone
}

// msg is what a loader callback returns.
func msg(status int, text string) guard.ErrorWriter {
	return func(w http.ResponseWriter, _ *http.Request, e *guard.Error) {
		w.Header().Set("WWW-Authenticate", e.Challenge())
		reply(w, status, object{"msg": text}, nil)
	}
}

func main() {
	key, err := jwt.GenerateKey(jwt.HS256) // JWT_SECRET_KEY, for this run; one that outlives it goes to jwt.NewKey
	passwords := map[string]string{"user1": rand.Text(), "user2": rand.Text()}
	h, err2 := routes(key, passwords, time.Now)
	if err := errors.Join(err, err2); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("curl -d '{\"username\":\"user1\",\"password\":%q}' http://127.0.0.1:5000/login\n", passwords["user1"])
	log.Fatal((&http.Server{Addr: "127.0.0.1:5000", Handler: h, ReadHeaderTimeout: 5 * time.Second}).ListenAndServe())
}
