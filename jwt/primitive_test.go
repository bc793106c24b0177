package jwt_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/jwt"
)

// hexBytes is a byte string as the vectors spell it.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// primitiveGroup is a group of Wycheproof's files for primitives: a key and signatures by it.
type primitiveGroup struct {
	PublicKeyPem string
	Sha, MgfSha  string
	SLen         int
	KeySize      int // HMAC: bits
	TagSize      int // HMAC: bits
	Tests        []struct {
		ID      int `json:"tcId"`
		Comment string
		Key     hexBytes // HMAC
		Msg     hexBytes
		Sig     hexBytes
		Tag     hexBytes // HMAC
		Result  string
	}
}

func primitiveGroups(t *testing.T, file string) []primitiveGroup {
	t.Helper()
	var f struct{ TestGroups []primitiveGroup }
	if err := json.Unmarshal(vectors(t, "wycheproof/"+file+"_test.json"), &f); err != nil {
		t.Fatal(err)
	}
	return f.TestGroups
}

// saltLength is the one that PS256, PS384 and PS512 have.
var saltLength = map[string]int{"SHA-256": 32, "SHA-384": 48, "SHA-512": 64}

// TestWycheproofSignatures feeds the vectors of each primitive to the algorithm that uses it. Where
// the file has PSS parameters that JWS does not, valid signatures must be refused too.
// ASVS 11.6.1, checklist 121
func TestWycheproofSignatures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		file string
		alg  jwt.Algorithm
	}{
		{"ecdsa_secp256r1_sha256_p1363", jwt.ES256},
		{"ecdsa_secp384r1_sha384_p1363", jwt.ES384},
		{"ecdsa_secp521r1_sha512_p1363", jwt.ES512},
		{"ed25519", jwt.EdDSA},
		{"rsa_signature_2048_sha256", jwt.RS256},
		{"rsa_signature_2048_sha384", jwt.RS384},
		{"rsa_signature_2048_sha512", jwt.RS512},
		{"rsa_signature_3072_sha256", jwt.RS256},
		{"rsa_signature_3072_sha384", jwt.RS384},
		{"rsa_signature_3072_sha512", jwt.RS512},
		{"rsa_signature_4096_sha256", jwt.RS256},
		{"rsa_signature_4096_sha384", jwt.RS384},
		{"rsa_signature_4096_sha512", jwt.RS512},
		{"rsa_pss_2048_sha256_mgf1_0", jwt.PS256},
		{"rsa_pss_2048_sha256_mgf1_32", jwt.PS256},
		{"rsa_pss_2048_sha256_mgf1sha1_20", jwt.PS256},
		{"rsa_pss_2048_sha384_mgf1_48", jwt.PS384},
		{"rsa_pss_3072_sha256_mgf1_32", jwt.PS256},
		{"rsa_pss_4096_sha256_mgf1_32", jwt.PS256},
		{"rsa_pss_4096_sha384_mgf1_48", jwt.PS384},
		{"rsa_pss_4096_sha512_mgf1_32", jwt.PS512},
		{"rsa_pss_4096_sha512_mgf1_64", jwt.PS512},
		{"rsa_pss_misc", jwt.PS256},
		{"rsa_pss_misc", jwt.PS384},
		{"rsa_pss_misc", jwt.PS512},
	}
	for _, tt := range tests {
		t.Run(tt.file+"/"+string(tt.alg), func(t *testing.T) {
			t.Parallel()
			valid := 0
			for _, g := range primitiveGroups(t, tt.file) {
				k, err := jwt.ParsePEM(tt.alg, "", []byte(g.PublicKeyPem))
				if err != nil {
					t.Fatalf("parse key: %v", err)
				}
				usable := g.MgfSha == "" || g.Sha == "SHA-"+string(tt.alg[2:]) && g.MgfSha == g.Sha && g.SLen == saltLength[g.Sha]
				for _, c := range g.Tests {
					if c.Comment == "s_len changed to 32" && tt.file == "rsa_pss_2048_sha256_mgf1_0" {
						continue // wrong for that file, but just what PS256 asks for
					}
					got, want := k.VerifyRaw(c.Msg, c.Sig), c.Result == "valid" && usable
					if got != want && (c.Result != "acceptable" || !usable) {
						t.Errorf("%d (%s): got %v, want %v", c.ID, c.Comment, got, want)
					}
					if want {
						valid++
					}
				}
			}
			if wrongParameters := strings.HasSuffix(tt.file, "mgf1_0") || strings.HasSuffix(tt.file, "sha1_20") ||
				strings.HasSuffix(tt.file, "sha512_mgf1_32"); (valid == 0) != wrongParameters {
				t.Errorf("got %d valid signatures", valid)
			}
		})
	}
}

// ASVS 11.4.1, 11.6.1, checklist 121
func TestWycheproofHMAC(t *testing.T) {
	t.Parallel()
	for _, alg := range []jwt.Algorithm{jwt.HS256, jwt.HS384, jwt.HS512} {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			size := saltLength["SHA-"+string(alg[2:])]
			for _, g := range primitiveGroups(t, "hmac_sha"+string(alg[2:])) {
				for _, c := range g.Tests {
					k, err := jwt.NewKey(alg, "", []byte(c.Key))
					if g.KeySize < 8*size {
						if !errors.Is(err, jwt.ErrWeakKey) {
							t.Errorf("%d: got %v for a key of %d bits", c.ID, err, g.KeySize)
						}
						continue
					}
					if err != nil {
						t.Fatal(err)
					}
					got, want := k.VerifyRaw(c.Msg, c.Tag), c.Result == "valid" && g.TagSize == 8*size
					if got != want {
						t.Errorf("%d (%s, tag of %d bits): got %v, want %v", c.ID, c.Comment, g.TagSize, got, want)
					}
				}
			}
		})
	}
}

// ES256K is not offered, so its keys must not be taken for another curve's.
func TestWycheproofSecp256k1(t *testing.T) {
	t.Parallel()
	for _, g := range primitiveGroups(t, "ecdsa_secp256k1_sha256_p1363") {
		for _, alg := range []jwt.Algorithm{"", jwt.ES256, "ES256K"} {
			if _, err := jwt.ParsePEM(alg, "", []byte(g.PublicKeyPem)); !errors.Is(err, jwt.ErrKey) {
				t.Fatalf("got %v, want %v", err, jwt.ErrKey)
			}
		}
	}
}
