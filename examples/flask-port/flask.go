package main

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"log"
	"net/http"
	"strings"

	"github.com/sandi-auth/sandi/guard"
)

// reply is jsonify of names and values; an error is logged and answered in its place.
func reply(w http.ResponseWriter, status int, err error, pairs ...string) {
	if err != nil {
		log.Print(err)
		status, pairs = http.StatusInternalServerError, []string{"msg", "Kesalahan server"}
	}
	body := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		body[pairs[i]] = pairs[i+1]
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}

// msg is what a loader callback returns.
func msg(status int, text string) guard.ErrorWriter {
	return func(w http.ResponseWriter, _ *http.Request, e *guard.Error) {
		w.Header().Set("WWW-Authenticate", e.Challenge())
		reply(w, status, nil, "msg", text)
	}
}

// checkPasswordHash is check_password_hash for the method of users.
func checkPasswordHash(username, password string) bool {
	hash, ok := users[username]
	if !ok {
		hash = users[""]
	}
	f := strings.Split(hash, "$") // method, salt, hash
	want, _ := hex.DecodeString(f[2])
	got, err := pbkdf2.Key(sha256.New, password, []byte(f[1]), 600_000, sha256.Size)
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1
}
