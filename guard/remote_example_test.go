package guard_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// A program that does not start without the keys of its issuer, here one in its own network with a
// certificate authority of its own. Elsewhere guard.Config{Issuer: ...} without Keys is enough.
func ExampleNewRemoteKeys() {
	key, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		log.Fatal(err)
	}
	issuer := exampleSite(key)
	defer issuer.Close()
	roots := x509.NewCertPool()
	roots.AddCert(issuer.Certificate())

	keys, err := guard.NewRemoteKeys(guard.RemoteKeysConfig{
		Issuer:               issuer.URL,
		RootCAs:              roots,
		InsecureAllowPrivate: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := keys.Fetch(ctx); err != nil {
		log.Fatal(err)
	}
	g, err := guard.New(guard.Config{Keys: keys, Issuer: issuer.URL, Audience: []string{"https://api.example"}})
	if err != nil {
		log.Fatal(err)
	}

	token, err := jwt.Sign(key, "at+jwt", map[string]any{
		"iss": issuer.URL, "aud": "https://api.example", "sub": "user1",
		"exp": time.Now().Add(15 * time.Minute).Unix(),
	})
	if err != nil {
		log.Fatal(err)
	}
	who, err := g.CheckToken(ctx, token)
	fmt.Println(who.Subject(), err)
	// Output: user1 <nil>
}

// exampleSite publishes a key as an issuer does.
func exampleSite(key *jwt.Key) *httptest.Server {
	mux := http.NewServeMux()
	srv := httptest.NewTLSServer(mux)
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, srv.URL, srv.URL+"/jwks.json")
	})
	mux.HandleFunc("GET /jwks.json", func(w http.ResponseWriter, _ *http.Request) {
		public, err := key.MarshalJSON()
		if err != nil {
			panic(err)
		}
		w.Header().Set("Cache-Control", "max-age=300")
		fmt.Fprintf(w, `{"keys":[%s]}`, public)
	})
	return srv
}
