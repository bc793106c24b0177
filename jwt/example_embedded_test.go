package jwt_test

import (
	"fmt"
	"log"

	"github.com/sandi-auth/sandi/jwt"
)

// The DPoP proof of RFC 9449 section 4.1. What its claims say of the request is for the caller to compare: package guard
// does all of it.
func ExampleVerifyEmbedded() {
	const proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFV" +
		"ZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19." +
		"eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ." +
		"2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
	key, claims, err := jwt.VerifyEmbedded(proof, "dpop+jwt", []jwt.Algorithm{jwt.ES256, jwt.EdDSA})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(key.Thumbprint())
	fmt.Println(claims.String("htm"), claims.String("htu"))
	// Output:
	// 0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I
	// POST https://server.example.com/token
}
