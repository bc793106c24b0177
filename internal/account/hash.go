package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
)

// Params are the cost of one argon2id hash (RFC 9106).
type Params struct {
	MemoryKiB   int // default 19456
	Iterations  int // default 2
	Parallelism int // default 1
}

// floor is the least that is configured without saying Insecure (secure-defaults 12).
var floor = Params{MemoryKiB: 19456, Iterations: 2, Parallelism: 1}

// bounds are the most that a stored hash may ask for: whoever can write one into
// the store must not be able to make a login cost gigabytes or minutes.
type bounds struct {
	Params
	work int // memory times passes, in KiB
}

// boundsFor has room for the configured cost, and for the second recommendation
// of RFC 9106 section 4 (64 MiB, 3 passes) in any case.
func boundsFor(p Params) bounds {
	return bounds{
		Params{max(128<<10, p.MemoryKiB), max(16, p.Iterations), max(16, p.Parallelism)},
		max(1<<20, p.work()),
	}
}

const (
	saltSize = 16
	hashSize = 32
)

var errHash = errors.New("password hash is not an argon2id PHC string within bounds")

// phc is a parsed $argon2id$ string.
type phc struct {
	Params
	salt, hash []byte
}

// work is memory times passes, in KiB.
func (p Params) work() int { return p.MemoryKiB * p.Iterations }

// less is a cost whose work is that of p without that of q.
func (p Params) less(q Params) Params {
	p.MemoryKiB = (p.work() - q.work()) / p.Iterations
	return p
}

func (p Params) within(b bounds) bool {
	return p.MemoryKiB <= b.MemoryKiB && p.Iterations <= b.Iterations && p.Parallelism <= b.Parallelism &&
		p.work() <= b.work && p.MemoryKiB >= 8*p.Parallelism
}

// String is the PHC form, $argon2id$v=19$m=19456,t=2,p=1$salt$hash.
func (h phc) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s",
		h.MemoryKiB, h.Iterations, h.Parallelism, b64.EncodeToString(h.salt), b64.EncodeToString(h.hash))
}

// parsePHC reads what String writes and nothing else.
func parsePHC(s string, b bounds) (phc, error) {
	const longest = 256
	parts := strings.Split(s, "$")
	if len(s) > longest || len(parts) != 6 {
		return phc{}, errHash
	}
	var h phc
	numbers := strings.Split(parts[3], ",")
	if len(numbers) != 3 || !number(numbers[0], "m=", &h.MemoryKiB) || !number(numbers[1], "t=", &h.Iterations) ||
		!number(numbers[2], "p=", &h.Parallelism) || !h.within(b) {
		return phc{}, errHash
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	h.hash, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.hash) < 16 || len(h.hash) > 64 {
		return phc{}, errHash
	}
	if h.String() != s { // another variant or version, leading zeros, line breaks, stray bits
		return phc{}, errHash
	}
	return h, nil
}

// number reads a positive decimal number after its name.
func number(s, name string, out *int) bool {
	digits, ok := strings.CutPrefix(s, name)
	n, err := strconv.ParseUint(digits, 10, 31)
	*out = int(n)
	return ok && err == nil && n > 0
}

// hasher computes password hashes, so many at a time.
type hasher struct {
	params Params
	bounds bounds
	gate   *gate
	dummy  phc
	count  atomic.Uint64
	work   atomic.Uint64 // of all of argon2id, memory in KiB times passes
	pace   atomic.Int64  // what the last one took at the configured cost; 0 before it
}

func newHasher(p Params, concurrency, queue int) *hasher {
	h := &hasher{params: p, bounds: boundsFor(p), gate: newGate(concurrency, queue)}
	// No password has this hash, since none was hashed to make it.
	h.dummy = phc{Params: p, salt: make([]byte, saltSize), hash: make([]byte, hashSize)}
	rand.Read(h.dummy.salt)
	rand.Read(h.dummy.hash)
	return h
}

// compute is the one place that runs argon2id. The caller is inside the gate.
func (h *hasher) compute(password string, p Params, salt []byte, size int) []byte {
	h.count.Add(1)
	h.work.Add(uint64(p.work()))
	begun := time.Now()
	key := argon2.IDKey([]byte(password), salt, uint32(p.Iterations), uint32(p.MemoryKiB), uint8(p.Parallelism), uint32(size))
	if p == h.params {
		h.pace.Store(int64(time.Since(begun)))
	}
	return key
}

// hash makes the PHC string of a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	out := phc{Params: h.params, salt: make([]byte, saltSize)}
	rand.Read(out.salt)
	if err := h.gate.enter(ctx); err != nil {
		return "", err
	}
	defer h.gate.leave()
	out.hash = h.compute(password, out.Params, out.salt, hashSize)
	return out.String(), nil
}

// verify compares a password with a stored hash, or with none at the same cost
// where stored is empty. weak says that the hash costs less than is now configured;
// the difference is then spent too, before the gate is left, so that the user of
// an old hash is not told from nobody. A foreign hash is always weak.
func (h *hasher) verify(ctx context.Context, stored, password string) (ok, weak bool, err error) {
	if stored != "" && !strings.HasPrefix(stored, native) {
		ok, err = h.verifyForeign(ctx, stored, password)
		return ok, true, err
	}
	want := h.dummy
	if stored != "" {
		if want, err = parsePHC(stored, h.bounds); err != nil {
			return false, false, err
		}
	}
	if err := h.gate.enter(ctx); err != nil {
		return false, false, err
	}
	defer h.gate.leave()
	got := h.compute(password, want.Params, want.salt, len(want.hash))
	if rest := h.params.less(want.Params); rest.MemoryKiB >= 8*rest.Parallelism {
		h.compute(password, rest, h.dummy.salt, hashSize)
	}
	weak = want.MemoryKiB < h.params.MemoryKiB || want.work() < h.params.work() || len(want.salt) < saltSize || len(want.hash) < hashSize
	return subtle.ConstantTimeCompare(got, want.hash) == 1, weak, nil
}

// verifyForeign is verify for a hash of another system. What it is quicker than
// a hash of our own took last is spent on one of that much less memory.
func (h *hasher) verifyForeign(ctx context.Context, stored, password string) (bool, error) {
	want, err := parseForeign(stored, h.bounds)
	if err != nil {
		return false, err
	}
	if err := h.gate.enter(ctx); err != nil {
		return false, err
	}
	defer h.gate.leave()
	h.count.Add(1)
	begun := time.Now()
	ok := want.matches(password)
	rest := h.params
	if pace := time.Duration(h.pace.Load()); pace > 0 {
		left := max(0, 1-time.Since(begun).Seconds()/pace.Seconds())
		rest.MemoryKiB = int(float64(rest.MemoryKiB) * left)
	}
	if rest.MemoryKiB >= 8*rest.Parallelism {
		h.compute(password, rest, h.dummy.salt, hashSize)
	}
	return ok, nil
}
