package jwt

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// Keys is where a verifier finds its keys. A *KeySet is one; so is anything that rotates them.
type Keys interface {
	// KeySet is asked once for each verification and must answer at once, from memory: the same
	// pointer as long as the keys are the same, and nil only while there is no saying what they are.
	KeySet() *KeySet
}

// Refetcher is Keys that come from elsewhere and can be fetched anew.
type Refetcher interface {
	Keys
	// Refetch is called by a Verifier for a token whose key is not in the set. It says whether there
	// is another set now, in which the Verifier looks once more. Bounding how often that fetches
	// anything is up to it.
	Refetch(ctx context.Context) bool
}

// KeySet is an immutable set of keys (RFC 7517 section 5): its pointer stands for one generation
// of them. It is safe for concurrent use.
type KeySet struct {
	keys    []*Key
	byID    map[string]*Key
	byAlg   map[Algorithm]*Key // nil where several keys share the algorithm
	known   map[string]*known  // by header segment
	few     []*known           // all of known, where comparing them is faster than hashing
	ignored []error
}

// known is what a header segment says, and which key it means.
type known struct {
	segment string
	key     *Key
	header  Header
	mid     *midstate // HMAC: of a header that was recognised by its bytes, and the dot after it
}

// NewKeySet makes a set of keys. Two keys of one kid, or two HMAC keys of one algorithm without a
// kid, could not be told apart: ErrKey.
func NewKeySet(keys ...*Key) (*KeySet, error) {
	s := &KeySet{
		keys:  slices.Clone(keys),
		byID:  make(map[string]*Key, len(keys)),
		byAlg: make(map[Algorithm]*Key),
		known: make(map[string]*known),
	}
	for _, k := range keys {
		if k == nil {
			return nil, because(ErrKey, "key is nil")
		}
		name := k.id
		if name == "" {
			name = nameless(k.alg)
		}
		if s.byID[name] != nil {
			return nil, because(ErrKey, "two keys have the same kid, or none")
		}
		s.byID[name] = k
		if _, taken := s.byAlg[k.alg]; taken {
			s.byAlg[k.alg] = nil
		} else {
			s.byAlg[k.alg] = k
		}
	}
	s.learn()
	return s, nil
}

// learn prepares recognise, with the outcome that reading the header would have.
func (s *KeySet) learn() {
	for _, k := range s.keys {
		for _, seg := range k.segments {
			h := Header{Algorithm: k.alg, Type: mediaType(seg.typ), KeyID: k.id}
			if key, err := s.choose(h); err == nil {
				s.known[seg.text] = &known{segment: seg.text, key: key, header: h, mid: seg.mid}
				s.few = append(s.few, s.known[seg.text])
			}
		}
	}
	if len(s.few) > 6 {
		s.few = nil
	}
}

// recognise returns what a token's header says where it is one that a key of the set would write
// itself, or nil.
func (s *KeySet) recognise(token string) *known {
	if s == nil {
		return nil
	}
	for _, k := range s.few {
		if n := len(k.segment); len(token) > n && token[n] == '.' && token[:n] == k.segment {
			return k
		}
	}
	if len(s.few) > 0 {
		return nil
	}
	return s.known[token[:max(0, strings.IndexByte(token, '.'))]]
}

// KeySet returns s, which makes it Keys.
func (s *KeySet) KeySet() *KeySet { return s }

// Key returns the key of a kid.
func (s *KeySet) Key(kid string) (*Key, bool) {
	if kid == "" {
		return nil, false
	}
	k, ok := s.byID[kid]
	return k, ok && k.id == kid
}

// All returns the keys in their order, in a slice of the caller's own.
func (s *KeySet) All() []*Key { return slices.Clone(s.keys) }

// Len is the number of keys.
func (s *KeySet) Len() int { return len(s.keys) }

// Ignored returns, for a set that was parsed, why entries of it were left out.
func (s *KeySet) Ignored() []error { return slices.Clone(s.ignored) }

// nameless stands for the one HMAC key of an algorithm that has no kid. It is not UTF-8, so no kid.
func nameless(alg Algorithm) string { return "\xff" + string(alg) }

// choose finds the key for a header: by kid, and without one by alg, where exactly one key has it,
// or one of them alone has no kid.
func (s *KeySet) choose(h Header) (*Key, error) {
	if s == nil {
		return nil, because(ErrUnknownKey, "there are no keys yet")
	}
	k, ok := s.Key(h.KeyID)
	switch {
	case h.KeyID != "" && !ok:
		return nil, ErrUnknownKey
	case h.KeyID == "":
		if k, ok = s.byAlg[h.Algorithm]; !ok && len(s.keys) > 0 {
			return nil, because(ErrAlgorithm, "no key is for it")
		}
		if k == nil {
			k = s.byID[nameless(h.Algorithm)]
		}
		if k == nil {
			return nil, because(ErrUnknownKey, "token has no kid")
		}
	}
	if k.alg != h.Algorithm {
		return nil, ErrAlgorithm
	}
	if k.noVerify {
		return nil, because(ErrUnknownKey, "key_ops do not include verify")
	}
	return k, nil
}

// MarshalJSON writes the public halves as a JWK Set (RFC 7517 section 5). HMAC keys are left out:
// a published secret would be everyone's.
func (s *KeySet) MarshalJSON() ([]byte, error) {
	list := make([]json.RawMessage, 0, len(s.keys))
	for _, k := range s.keys {
		if k.public != nil {
			list = append(list, k.publicJWK())
		}
	}
	return json.Marshal(map[string][]json.RawMessage{"keys": list})
}

// String names the keys and shows nothing of them.
func (s *KeySet) String() string { return fmt.Sprint(s.keys) }

// Format writes String for every verb.
func (s *KeySet) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue is what package slog writes.
func (s *KeySet) LogValue() slog.Value { return slog.StringValue(s.String()) }
