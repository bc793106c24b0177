package interop_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// goFactor is asked for a second factor by what x/oauth2 sends, once its user has one.
func goFactor(t *testing.T, p *provider) {
	recovery := p.enrol(t, "holder")
	rp := p.relyingParty(t, "go")
	rp.browser = newBrowser(p.url, "holder")
	rp.browser.code = recovery[0]
	_, id := rp.signIn(oauth2.SetAuthURLParam("acr_values", "urn:sandi:mfa"))
	var claims struct {
		ACR string   `json:"acr"`
		AMR []string `json:"amr"`
	}
	if err := id.Claims(&claims); err != nil || claims.ACR != "urn:sandi:mfa" || !slices.Contains(claims.AMR, "mfa") {
		t.Errorf("got %+v: %v", claims, err)
	}
}

// enrol gives a user a second factor, and returns the recovery codes.
func (p *provider) enrol(t *testing.T, user string) (recovery []string) {
	t.Helper()
	var got struct {
		AccessToken string   `json:"access_token"`
		Secret      string   `json:"secret"`
		Recovery    []string `json:"recovery_codes"`
	}
	for _, step := range []struct {
		path string
		body func() map[string]string
	}{
		{"/login", func() map[string]string { return map[string]string{"username": user, "password": passwordOf(user)} }},
		{"/account/totp", func() map[string]string { return nil }},
		{"/account/totp/confirm", func() map[string]string { return map[string]string{"otp": totp(got.Secret, time.Now())} }},
	} {
		r := must(http.NewRequest(http.MethodPost, p.url+"/api/auth"+step.path, bytes.NewReader(must(json.Marshal(step.body())))))
		r.Header.Set("Content-Type", "application/json")
		if got.AccessToken != "" {
			r.Header.Set("Authorization", "Bearer "+got.AccessToken)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		err = json.NewDecoder(res.Body).Decode(&got)
		_ = res.Body.Close()
		if res.StatusCode >= 300 || err != nil {
			t.Fatalf("%s: %s %v", step.path, res.Status, err)
		}
	}
	return got.Recovery
}

// totp is what an authenticator app shows (RFC 6238).
func totp(secret string, now time.Time) string {
	mac := hmac.New(sha1.New, must(base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)))
	_ = binary.Write(mac, binary.BigEndian, now.Unix()/30)
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff)%1_000_000)
}
