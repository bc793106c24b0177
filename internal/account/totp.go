package account

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// What every authenticator application can do; of other values (RFC 6238 section 1.2) many ignore that they were asked for.
const (
	totpSize   = 20 // bytes of secret: RFC 4226 section 4 (R6) recommends 160 bits
	totpDigits = 6
	totpPeriod = 30 // seconds
	// totpWindow is how many steps a code may be early or late (RFC 6238 section 5.2).
	totpWindow = 1
)

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// step is the time step whose code this is, among those that count now and after the last one used; ErrFactorCode.
func (s *Service) step(f Factor, code string) (int64, error) {
	key, err := s.sealer.Open(f.Sealed, FactorPlace(f.Subject))
	if err != nil {
		return 0, fmt.Errorf("open second factor: %w", err)
	}
	if step, ok := matchTOTP(key, compact(code), s.now(), f.LastStep); ok {
		return step, nil
	}
	return 0, ErrFactorCode
}

// matchTOTP says which time step after last the code is of (RFC 6238 section 4).
func matchTOTP(key []byte, code string, now time.Time, last int64) (step int64, ok bool) {
	current := now.Unix() / totpPeriod
	for t := current - totpWindow; t <= current+totpWindow; t++ {
		same := subtle.ConstantTimeCompare([]byte(totp(key, t, totpDigits)), []byte(code)) == 1
		if same && t > last {
			step, ok = t, true
		}
	}
	return step, ok
}

// totp is the code of a time step (RFC 4226 section 5.3).
func totp(key []byte, step int64, digits int) string {
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, step) // to a hash, which takes everything
	sum := mac.Sum(nil)
	number := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&0xf:]) & 0x7fffffff
	text := fmt.Sprintf("%0*d", digits, number)
	return text[len(text)-digits:]
}

// otpauth is what a QR code says to an authenticator application. A colon separates the parts of the label, so
// none may hold one.
func otpauth(issuer, username, secret string) string {
	issuer = strings.ReplaceAll(issuer, ":", " ")
	// Spaces as %20: some applications show a plus as it is.
	query := strings.ReplaceAll(url.Values{
		"secret": {secret}, "issuer": {issuer}, "algorithm": {"SHA1"},
		"digits": {fmt.Sprint(totpDigits)}, "period": {fmt.Sprint(totpPeriod)},
	}.Encode(), "+", "%20")
	return "otpauth://totp/" + url.PathEscape(issuer+":"+username) + "?" + query
}

// compact is a code without what people put between its groups.
func compact(code string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, code)
}
