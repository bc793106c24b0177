package guard

import (
	"compress/zlib"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// statusPlace is where a token stands (draft-ietf-oauth-status-list section 6.2).
type statusPlace struct {
	uri   string
	index int64 // negative where the token does not say it in a way that can be read
}

// statusPlace is what newToken found, or is found now in a token that a program made itself.
func (t *Token) statusPlace() *statusPlace {
	if t.guard != nil {
		return t.status
	}
	return readStatusPlace(t.claims())
}

// readStatusPlace is nil for a token without a place in a list: the claim status has room for other mechanisms.
func readStatusPlace(c *jwt.Claims) *statusPlace {
	if !c.Has("status") {
		return nil
	}
	var status map[string]any // not a struct, which would also take "Status_List"
	if c.Decode("status", &status) != nil {
		return &statusPlace{index: -1}
	}
	if _, ok := status["status_list"]; !ok {
		return nil
	}
	list, _ := status["status_list"].(map[string]any)
	uri, _ := list["uri"].(string)
	index, ok := list["idx"].(float64)
	if !ok || uri == "" || index < 0 || index > math.MaxInt32 || index != math.Trunc(index) {
		return &statusPlace{index: -1}
	}
	return &statusPlace{uri, int64(index)}
}

// maxList is how large a list may be once it is inflated, in bytes.
const maxList = 4 << 20

// statusList is a list that was verified.
type statusList struct {
	bits   int // of one place: 1, 2, 4 or 8
	places []byte
	due    time.Time // another is fetched ahead,
	fresh  time.Time // and waited for,
	until  time.Time // and needed
}

// at is the value at a place; ok is false where there is none. Places begin at the least significant bit (section 4.1).
func (l *statusList) at(index int64) (value byte, ok bool) {
	per := int64(8 / l.bits)
	if index < 0 || index/per >= int64(len(l.places)) {
		return 0, false
	}
	return l.places[index/per] >> (int(index%per) * l.bits) & (1<<l.bits - 1), true
}

// parse verifies a Status List Token (section 5.1): its signature, typ, exp and iat by the verifier, and that it is the one
// that was asked for. ttl is 0 and expires zero where it has none.
func (s *StatusLists) parse(ctx context.Context, uri, token string) (l *statusList, ttl time.Duration, expires time.Time, err error) {
	c, err := s.verifier.Verify(ctx, token)
	if err != nil {
		return nil, 0, expires, err
	}
	switch {
	case c.Subject() != uri:
		err = errors.New("sub is not the list's own URL")
	case c.Has("iss") && c.Issuer() != s.cfg.Issuer:
		err = errors.New("iss is not StatusListsConfig.Issuer")
	case !c.Has("iat"):
		err = errors.New("no iat")
	}
	if c.Has("ttl") && err == nil {
		ttl, err = readTTL(c)
	}
	var list map[string]any
	if err == nil {
		err = c.Decode("status_list", &list)
	}
	if err == nil {
		l, err = decodeStatusList(list)
	}
	return l, ttl, c.ExpiresAt(), err
}

// readTTL is a positive number of seconds (section 5.1).
func readTTL(c *jwt.Claims) (time.Duration, error) {
	var seconds float64
	if err := c.Decode("ttl", &seconds); err != nil || !(seconds > 0) {
		return 0, errors.New("ttl is not a number above 0")
	}
	return time.Duration(min(seconds, 1e9) * float64(time.Second)), nil
}

// decodeStatusList inflates a list (sections 4.1 and 4.2), no further than it may go: a few bytes can stand for a thousand times as
// many.
func decodeStatusList(list map[string]any) (*statusList, error) {
	bits, _ := list["bits"].(float64)
	lst, _ := list["lst"].(string)
	if bits != 1 && bits != 2 && bits != 4 && bits != 8 {
		return nil, errors.New("status_list.bits is not 1, 2, 4 or 8")
	}
	if strings.ContainsAny(lst, "\r\n") { // which package base64 skips
		return nil, errors.New("status_list.lst is not base64url")
	}
	z, err := zlib.NewReader(base64.NewDecoder(base64.RawURLEncoding.Strict(), strings.NewReader(lst)))
	if err != nil {
		return nil, fmt.Errorf("status_list.lst: %w", err)
	}
	places, err := io.ReadAll(io.LimitReader(z, maxList+1))
	if err != nil {
		return nil, fmt.Errorf("status_list.lst: %w", err)
	}
	if len(places) > maxList {
		return nil, fmt.Errorf("status_list.lst is over %d bytes when inflated", maxList)
	}
	return &statusList{bits: int(bits), places: places}, nil
}
