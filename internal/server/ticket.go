package server

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/api"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/problem"
)

var (
	_ guard.Tickets = (*tickets)(nil)
	_ api.Tickets   = (*tickets)(nil)
)

// A ticket is sdt_ and, in base64url:
//
//	version 1 | id 16 | AES-256-GCM of (expiry in Unix milliseconds 8 | access token)
//
// What stands before the ciphertext is authenticated with it. The key is that of the id alone, under one derived from the master key: no
// number of tickets wears out random nonces (NIST SP 800-38D section 8.3).
const (
	ticketPrefix  = "sdt_"
	ticketVersion = 1
	ticketLife    = 30 * time.Second
	ticketHead    = 1 + 16
	ticketMost    = 32 << 10 // bytes of text: a token of 16 KiB fits
)

// tickets seals access tokens and opens them again, on every node that has the master key.
type tickets struct {
	keys    [][]byte   // one for each master key
	current func() int // which of them seals; negative: none
	now     func() time.Time
}

func newTickets(masters *key.Masters, now func() time.Time) *tickets {
	t := &tickets{current: masters.Current, now: now}
	for _, m := range masters.All() {
		t.keys = append(t.keys, m.Derive("ticket", 32))
	}
	return t
}

// Seal implements api.Tickets.
func (t *tickets) Seal(token string, expires time.Time) (ticket string, life time.Duration, err error) {
	now, i := t.now(), t.current()
	if life = min(ticketLife, expires.Sub(now)); life < time.Second {
		return "", 0, guard.TokenExpired
	}
	if i < 0 {
		return "", 0, &problem.Error{
			Kind: problem.Unavailable, Code: "temporarily_unavailable", RetryAfter: time.Second,
			Cause: errors.New("the master key of the store is not known here"),
		}
	}
	sealed := make([]byte, ticketHead, ticketHead+8+len(token)+16)
	sealed[0] = ticketVersion
	rand.Read(sealed[1:])
	plaintext := append(binary.BigEndian.AppendUint64(nil, uint64(now.Add(life).UnixMilli())), token...)
	sealed = ticketCipher(t.keys[i], sealed).Seal(sealed, make([]byte, 12), plaintext, sealed)
	return ticketPrefix + base64.RawURLEncoding.EncodeToString(sealed), life, nil
}

// Open implements guard.Tickets.
func (t *tickets) Open(_ context.Context, ticket string) (token, id string, expires time.Time, err error) {
	text, ok := strings.CutPrefix(ticket, ticketPrefix)
	if !ok || len(text) > ticketMost || strings.ContainsAny(text, "\r\n") { // which base64 passes over
		return "", "", time.Time{}, guard.ErrTicket
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(sealed) < ticketHead || sealed[0] != ticketVersion {
		return "", "", time.Time{}, guard.ErrTicket
	}
	head := slices.Clip(sealed[:ticketHead])
	for _, k := range t.keys {
		plaintext, err := ticketCipher(k, head).Open(nil, make([]byte, 12), sealed[ticketHead:], head)
		if err == nil && len(plaintext) > 8 {
			ms := binary.BigEndian.Uint64(plaintext)
			return string(plaintext[8:]), base64.RawURLEncoding.EncodeToString(head[1:]), time.UnixMilli(int64(ms)), nil
		}
	}
	return "", "", time.Time{}, guard.ErrTicket
}

// ticketCipher is that of the ticket with this head alone.
func ticketCipher(key, head []byte) cipher.AEAD {
	mac := hmac.New(sha256.New, key)
	mac.Write(head[:ticketHead])
	block, err := aes.NewCipher(mac.Sum(nil))
	if err == nil {
		var aead cipher.AEAD
		if aead, err = cipher.NewGCM(block); err == nil {
			return aead
		}
	}
	panic("server: cipher of tickets: " + err.Error()) // the key has its length
}
