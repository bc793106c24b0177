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

// minNonceKey is the least number of bytes of a key that makes nonces.
const minNonceKey = 32

// Nonce is the value of DPoP-Nonce to hand out now, with use_dpop_nonce and with answers to who sent a proof; "" without
// ProofsConfig.NonceKey or NonceKeys.
func (p *Proofs) Nonce() string {
	if p.cfg.NonceKeys == nil {
		return ""
	}
	keys := p.cfg.NonceKeys()
	if len(keys) == 0 || len(keys[0]) < minNonceKey {
		return ""
	}
	return nonceOf(keys[0], p.stretch(p.cfg.Now()))
}

// stretch numbers the time, in units of NonceAge.
func (p *Proofs) stretch(t time.Time) int64 { return t.UnixNano() / int64(p.cfg.NonceAge) }

func nonceOf(key []byte, stretch int64) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(binary.BigEndian.AppendUint64([]byte("sandi DPoP nonce\x00"), uint64(stretch)))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// isNonce accepts the nonces of this stretch and the one before, and that of the next when another process, whose clock
// is ahead, may hand it out already.
func (p *Proofs) isNonce(nonce string, now time.Time) bool {
	current := p.stretch(now)
	for _, key := range p.cfg.NonceKeys() {
		for n := p.stretch(now.Add(p.cfg.MaxAhead)); n >= current-1 && len(key) >= minNonceKey; n-- {
			if hmac.Equal([]byte(nonce), []byte(nonceOf(key, n))) {
				return true
			}
		}
	}
	return false
}
