package guard_test

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// A resource server that takes DPoP tokens beside bearer tokens, behind a proxy.
func ExampleNewProofs() {
	proofs, err := guard.NewProofs(guard.ProofsConfig{PublicURL: "https://api.example"})
	if err != nil {
		log.Fatal(err)
	}
	g, err := guard.New(guard.Config{
		Issuer:   "https://auth.example",
		Keys:     exampleKeys(), // discovered, where this is left out
		Audience: []string{"https://api.example"},
		DPoP:     proofs,
	})
	if err != nil {
		log.Fatal(err)
	}
	w := httptest.NewRecorder()
	g.Require()(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/orders", nil))
	fmt.Println(w.Header().Get("WWW-Authenticate"))
	// Output: Bearer realm="api", DPoP realm="api", algs="ES256 EdDSA PS256 RS256"
}

// An authorization server checks the proof of a token request itself.
func ExampleProofs_Check() {
	proofs, err := guard.NewProofs(guard.ProofsConfig{})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/oauth/token", nil)
	r.Header.Set("DPoP", "not a proof")
	jkt, err := proofs.Check(r.Context(), r, "https://auth.example/oauth/token", "")
	switch {
	case errors.Is(err, guard.ErrProofNonce):
		fmt.Println("use_dpop_nonce", proofs.Nonce())
	case errors.Is(err, guard.ErrProof):
		fmt.Println("invalid_dpop_proof")
	case err != nil:
		fmt.Println("temporarily_unavailable")
	default:
		fmt.Println("cnf.jkt", jkt)
	}
	// Output: invalid_dpop_proof
}

// A payment needs a second factor, used within the last five minutes.
func ExampleACR() {
	g, err := guard.New(guard.Config{Issuer: "https://auth.example", Keys: exampleKeys(), Audience: []string{"https://api.example"}})
	if err != nil {
		log.Fatal(err)
	}
	pay := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})
	mux := http.NewServeMux()
	mux.Handle("POST /payments", g.Require(guard.ACR("urn:sandi:mfa"))(pay))
	e := guard.Error{Reason: guard.StepUp, Realm: "api", ACRValues: []string{"urn:sandi:mfa"}}
	fmt.Println(e.Status(), e.Challenge())
	// Output: 401 Bearer realm="api", error="insufficient_user_authentication", error_description="This action needs a stronger sign-in, for example with a second factor. Sign in that way and repeat it.", acr_values="urn:sandi:mfa"
}

// The tokens of another issuer end early where its status list says so.
func ExampleNewStatusLists() {
	lists, err := guard.NewStatusLists(guard.StatusListsConfig{
		Issuer: "https://auth.example",
		Keys:   exampleKeys(),
		Hosts:  []string{"auth.example", "lists.example"},
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = guard.New(guard.Config{
		Issuer:      "https://auth.example",
		Keys:        exampleKeys(),
		Audience:    []string{"https://api.example"},
		Revocations: lists,
	})
	fmt.Println(err)
	// Output: <nil>
}

func exampleKeys() *jwt.KeySet {
	key, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		log.Fatal(err)
	}
	set, err := jwt.NewKeySet(key.Public())
	if err != nil {
		log.Fatal(err)
	}
	return set
}
