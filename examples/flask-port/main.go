// Command flask-port is the Flask-JWT-Extended application of a tutorial, route by route in Go.
package main

import (
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// users is sample data, by werkzeug's generate_password_hash("password1", "pbkdf2:sha256:600000").
// The last is for names that do not exist, so that they cost as much time; no password has its hash.
var users = map[string]string{
	"user1": "pbkdf2:sha256:600000$Jfz3sEf2RIbPZ7SE$46b94ddce3c0a43f997c9847fd515fd881f350660423b9d2ecfa567f309c5efd",
	"user2": "pbkdf2:sha256:600000$ndCBdAtCTrfUsDc7$f76330691813ad1b89222c21ad634d56f1adb866106ab90824364bc6d7a300e1",
	"":      "pbkdf2:sha256:600000$AAAAAAAAAAAAAAAA$",
}

type app struct {
	*guard.Issuer
	revoked *guard.RevocationList // revoked_tokens = set()
}

func main() {
	key, err := jwt.GenerateKey(jwt.HS256) // tokens die with the program, unless it is given a secret
	if secret := os.Getenv("JWT_SECRET_KEY"); secret != "" {
		key, err = jwt.NewKey(jwt.HS256, "", []byte(secret))
	}
	if err != nil {
		log.Fatal(err)
	}
	handler, err := newApp(key, time.Now)
	if err != nil {
		log.Fatal(err)
	}
	srv := &http.Server{Addr: "127.0.0.1:5000", Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(srv.ListenAndServe())
}

func newApp(key *jwt.Key, now func() time.Time) (http.Handler, error) {
	iss, err := guard.NewIssuer(guard.IssuerConfig{ // access tokens live 15 minutes, refresh tokens 30 days
		Key: key, Issuer: "http://127.0.0.1:5000", Now: now,
		Cookie: guard.CookieConfig{InsecurePlainCookies: true, RefreshPath: "/refresh"}, // loopback without TLS
	})
	if err != nil {
		return nil, err
	}
	a := &app{iss, guard.NewRevocationList(guard.RevocationListConfig{Now: now})}
	c := iss.Config()
	c.Revocations = a.revoked // token_in_blocklist_loader
	c.Sources = []guard.Source{guard.FromHeader(), guard.FromCookie()}
	invalid := msg(http.StatusUnprocessableEntity, "Token tidak valid")
	c.OnError = guard.ErrorWriters{
		guard.TokenExpired: msg(http.StatusUnauthorized, "Token telah kedaluwarsa"),    // expired_token_loader
		guard.TokenMissing: msg(http.StatusUnauthorized, "Token otorisasi diperlukan"), // unauthorized_loader
		guard.TokenInvalid: invalid, guard.TokenWrongType: invalid, guard.InvalidRequest: invalid,
	}.Write
	g, err := guard.New(c)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", a.login)
	mux.HandleFunc("POST /login/cookies", a.login)
	mux.Handle("GET /protected", g.Require()(http.HandlerFunc(protected)))               // @jwt_required()
	mux.Handle("POST /refresh", g.Require(guard.Refresh())(http.HandlerFunc(a.refresh))) // @jwt_required(refresh=True)
	mux.Handle("DELETE /logout", g.Require()(http.HandlerFunc(a.logout)))
	return mux, err
}

func (a *app) login(w http.ResponseWriter, r *http.Request) {
	var in struct{ Username, Password string }
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&in)
	if err != nil || !checkPasswordHash(in.Username, in.Password) {
		reply(w, http.StatusUnauthorized, nil, "msg", "Username atau password salah")
		return
	}
	grant := a.SignIn(in.Username) // fresh=True
	access, err := a.Access(grant)
	refresh, err2 := a.Refresh(grant)
	if err = errors.Join(err, err2); r.URL.Path == "/login/cookies" {
		reply(w, http.StatusOK, errors.Join(err, a.SetCookies(w, access, refresh)), "msg", "Login berhasil")
		return
	}
	reply(w, http.StatusOK, err, "access_token", access, "refresh_token", refresh)
}

func protected(w http.ResponseWriter, r *http.Request) {
	reply(w, http.StatusOK, nil, "logged_in_as", guard.Identity(r.Context()).Subject())
}

func (a *app) refresh(w http.ResponseWriter, r *http.Request) {
	access, err := a.Access(guard.Identity(r.Context()).Grant()) // fresh=False
	if r.Header.Get("Authorization") == "" {                     // it came by cookie, and so goes the new one
		reply(w, http.StatusOK, errors.Join(err, a.SetCookies(w, access, "")), "msg", "Token diperbarui")
		return
	}
	reply(w, http.StatusOK, err, "access_token", access)
}

// logout revokes the session, access and refresh token together, until its last token has expired.
func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	t := guard.Identity(r.Context())
	a.revoked.Prune()
	a.revoked.Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: t.Session(), ExpiresAt: t.AuthTime().Add(31 * 24 * time.Hour)})
	a.ClearCookies(w)
	reply(w, http.StatusOK, nil, "msg", "Logout berhasil")
}
