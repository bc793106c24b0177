package guard

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// Nonces (RFC 9449 section 8). One is the MAC of a stretch of time, so that nothing is kept, every process makes the same
// ones, and who has not the key cannot tell the next.

// Nonce is the value of DPoP-Nonce to hand out now, with use_dpop_nonce and with answers to who sent a proof; "" without
// ProofsConfig.NonceKey.
func (p *Proofs) Nonce() string {
	if len(p.cfg.NonceKey) == 0 {
		return ""
	}
	return p.nonceOf(p.stretch(p.cfg.Now()))
}

// stretch numbers the time, in units of NonceAge.
func (p *Proofs) stretch(t time.Time) int64 { return t.UnixNano() / int64(p.cfg.NonceAge) }

func (p *Proofs) nonceOf(stretch int64) string {
	mac := hmac.New(sha256.New, p.cfg.NonceKey)
	mac.Write(binary.BigEndian.AppendUint64([]byte("sandi DPoP nonce\x00"), uint64(stretch)))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// isNonce accepts the nonces of this stretch and the one before, and that of the next when another process, whose clock
// is ahead, may hand it out already.
func (p *Proofs) isNonce(nonce string, now time.Time) bool {
	current := p.stretch(now)
	for n := p.stretch(now.Add(p.cfg.MaxAhead)); n >= current-1; n-- {
		if hmac.Equal([]byte(nonce), []byte(p.nonceOf(n))) {
			return true
		}
	}
	return false
}
