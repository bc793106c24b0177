package account_test

import (
	"encoding/base32"
	"fmt"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/sandi-auth/sandi/internal/account"
)

// The test vectors of RFC 6238 appendix B, for SHA-1.
func TestTOTPVectors(t *testing.T) {
	t.Parallel()
	key := []byte("12345678901234567890")
	for at, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		if got := account.TOTP(key, at/30, 8); got != want {
			t.Errorf("at %d: got %s, want %s", at, got, want)
		}
	}
}

// Another implementation has the same codes.
func TestTOTPAgrees(t *testing.T) {
	t.Parallel()
	for i := range int64(500) {
		key := fmt.Appendf(nil, "%020d", i*7919)
		at := time.Unix(i*1_000_003, 0)
		want, err := totp.GenerateCode(base32.StdEncoding.EncodeToString(key), at)
		if err != nil {
			t.Fatal(err)
		}
		if got := account.TOTP(key, at.Unix()/30, 6); got != want {
			t.Errorf("at %v: got %s, want %s", at, got, want)
		}
	}
}

// The URL of the QR code says what applications need, also of names with signs of its own.
func TestOTPAuthURL(t *testing.T) {
	t.Parallel()
	b := newFactorBench(t, func(c *account.Config) { c.FactorIssuer = "Kopi & Teh: Toko" })
	b.register(t, "siti%40?#")
	secret, url, err := b.EnrolFactor(t.Context(), "siti%40?#")
	if err != nil {
		t.Fatal(err)
	}
	key, err := otp.NewKeyFromURL(url)
	if err != nil {
		t.Fatal(err)
	}
	if key.Type() != "totp" || key.Secret() != secret || key.Issuer() != "Kopi & Teh  Toko" || key.AccountName() != "siti%40?#" ||
		key.Period() != 30 || key.Digits() != otp.DigitsSix || key.Algorithm() != otp.AlgorithmSHA1 || len(secret) != 32 {
		t.Errorf("got %s", url)
	}
}
