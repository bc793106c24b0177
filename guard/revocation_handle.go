package guard

import (
	"fmt"
	"hash/maphash"

	"github.com/sandi-auth/sandi/jwt"
)

// handleKind is the number of a kind. The first five are also the places of the handles of a token;
// RevokedRoles shares that of RevokedUser, the claim sub.
type handleKind uint64

const (
	kindSession handleKind = iota
	kindToken
	kindUser
	kindClient
	kindKey
	kindRoles
)

func kindOf(kind RevocationKind) (k handleKind, ok bool) {
	switch kind {
	case RevokedSession:
		return kindSession, true
	case RevokedToken:
		return kindToken, true
	case RevokedUser:
		return kindUser, true
	case RevokedClient:
		return kindClient, true
	case RevokedKey:
		return kindKey, true
	case RevokedRoles:
		return kindRoles, true
	}
	return 0, false
}

// handles is what of a token a list looks up, computed once. A miss reads no more than the first
// 64 bytes.
type handles struct {
	list   *RevocationList         // whose seeds these are; nil before prepare
	claims *jwt.Claims             // whose handles these are: a program may give its copy of a token others
	hashes [kindKey + 1]handleHash // 0 for a handle that the token does not have
	issued uint32                  // iat; 0 for a token that hides its age, which is as old as can be
	checks [kindKey + 1]uint64
}

// prepare computes t's handles. It is called before t is shared.
func (l *RevocationList) prepare(t *Token) { t.handles = l.handlesOf(t) }

// handlesOf reads the handles of a token. One that is missing stays 0, which no handle is: there is nothing to look up.
func (l *RevocationList) handlesOf(t *Token) handles {
	h := handles{list: l, claims: t.Claims}
	for i, handle := range [...]string{
		kindSession: t.Session(), kindToken: t.ID(), kindUser: t.Subject(), kindClient: t.ClientID(), kindKey: t.KeyID(),
	} {
		if handle == "" {
			continue
		}
		id := l.hash(handle)
		h.hashes[i], h.checks[i] = id.hash, id.check
	}
	if at := t.IssuedAt(); !at.IsZero() {
		h.issued = unixSeconds(at)
	}
	return h
}

// stoppedBy asks the exact set of s for a handle.
func (h *handles) stoppedBy(s *table, k handleKind) bool {
	id := identity{h.hashes[k], h.checks[k]}
	return s.stops(id.of(k), h.issued) || k == kindUser && s.stops(id.of(kindRoles), h.issued)
}

// hash is the identity of a handle, but for its kind.
func (l *RevocationList) hash(handle string) identity {
	const taken = 1 << 24 // a hash of 0 would look like a free slot
	return identity{handleHash(maphash.String(l.seeds[0], handle) | taken), maphash.String(l.seeds[1], handle)}
}

func (id identity) of(k handleKind) identity { return identity{id.hash, id.check&^7 | uint64(k)} }

// identify is for an entry that check has found good.
func (l *RevocationList) identify(e RevocationEntry) identity {
	k, _ := kindOf(e.Kind)
	return l.hash(e.Handle).of(k)
}

// check says why the entry would stop nothing.
func (e RevocationEntry) check() error {
	if _, ok := kindOf(e.Kind); !ok {
		return fmt.Errorf("RevocationEntry of the kind %q, which is not known here", e.Kind)
	}
	if e.Handle == "" {
		return fmt.Errorf("RevocationEntry of the kind %q without a Handle", e.Kind)
	}
	return nil
}

// mustStop panics for an entry that would stop nothing, before any of them is added.
func mustStop(es []RevocationEntry) {
	for _, e := range es {
		if err := e.check(); err != nil {
			panic("guard: " + err.Error())
		}
	}
}

func (e RevocationEntry) dates() dates {
	if e.Kind == RevokedKey && e.NotBefore.IsZero() {
		return endless
	}
	notBefore, expires := uint32(forever), uint32(forever)
	if e.Kind != RevokedSession && e.Kind != RevokedToken && !e.NotBefore.IsZero() {
		notBefore = unixSeconds(e.NotBefore)
	}
	if !e.ExpiresAt.IsZero() {
		expires = max(1, unixSecondsUp(e.ExpiresAt))
	}
	return newDates(notBefore, expires)
}
