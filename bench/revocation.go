package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

func revocationPart() part {
	return part{
		id: "revocation", title: "Revocation look-up that finds nothing", run: runRevocation,
		note: "RevocationList.Revoked, for 65,536 tokens in turn that a Guard has prepared, beside a look-up of one of as many " +
			"keys in a plain map[[16]byte]int64 of the same size. A token with sid alone is one look-up; that of a whole access " +
			"token is one of each of its handles: sid, jti, sub (user and roles), client_id and kid. The list has no MaxStaleness, " +
			"so that no clock is read. Bytes an entry are what the heap grew by.",
	}
}

func runRevocation(b *bench) error {
	sizes := []struct {
		name string
		n    int
	}{{"1 M", million}, {"10 M", 10 * million}}
	if b.quick {
		sizes = sizes[:1]
	}
	for _, s := range sizes {
		if err := b.lookUp(s.name, s.n); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) lookUp(size string, n int) error {
	growth, one, whole := size+": bytes an entry", size+", one handle: of the map's", size+", whole access token: of the map's"
	if !b.wants(growth) && !b.wants(one) && !b.wants(whole) {
		return nil
	}
	before := heap()
	list := newList(n, 0)
	bytes := float64(heap()-before) / float64(n)
	before = heap()
	plain := newMap(n)
	b.state(growth, bytes, "B", limit{}, fmt.Sprintf("the map's %s", number(float64(heap()-before)/float64(n))))
	for _, c := range []struct {
		name, kid string
		payload   func(int) string
		limit     limit
	}{
		{one, "", func(int) string {
			return fmt.Sprintf(`{"iss":%q,"aud":%q,"exp":4102444800,"sid":%q}`, issuer, audience, handle())
		}, atMost(0.25)},
		{whole, "k1", payloadOf, limit{}},
	} {
		tokens, err := prepare(list, c.kid, c.payload)
		if err != nil {
			return err
		}
		b.compare(comparison{
			name: c.name, subject: side{"list", repeat(lookList(list, tokens))},
			reference: side{"map", repeat(lookMap(plain))}, figure: share, limit: c.limit,
		})
	}
	runtime.KeepAlive(list)
	return nil
}

// looks is how many tokens are looked up in turn: so many that their entries do not stay in the nearest cache.
const looks = 1 << 16

// prepare makes tokens as a Guard does; with kid "" they have none. They lie side by side, as the map's keys do: a
// request's token was just read and costs no look into memory.
func prepare(list *guard.RevocationList, kid string, payload func(int) string) ([]guard.Token, error) {
	key, err := jwt.NewKey(jwt.HS256, kid, []byte(secret))
	if err != nil {
		return nil, err
	}
	f := fixture{}
	if f.set, err = jwt.NewKeySet(key); err != nil {
		return nil, err
	}
	g, err := f.guard(list, -1)
	if err != nil {
		return nil, err
	}
	tokens := make([]guard.Token, looks)
	for i := range tokens {
		token, err := jwt.SignPayload(key, tokenTyp, []byte(payload(i)))
		if err != nil {
			return nil, err
		}
		t, err := g.CheckToken(context.Background(), token)
		if err != nil {
			return nil, err
		}
		tokens[i] = *t
	}
	return tokens, nil
}

var errFound = errors.New("what nobody revoked is revoked")

func lookList(list *guard.RevocationList, tokens []guard.Token) loop {
	ctx, next := context.Background(), 0
	return func(n int) error {
		for range n {
			next = (next + 1) % looks
			if revoked, err := list.Revoked(ctx, &tokens[next]); revoked || err != nil {
				return cmp.Or(err, errFound)
			}
		}
		return nil
	}
}

func lookMap(plain map[[16]byte]int64) loop {
	keys, next := make([][16]byte, looks), 0
	for i := range keys {
		keys[i] = randomKey()
	}
	return func(n int) error {
		for range n {
			next = (next + 1) % looks
			if _, ok := plain[keys[next]]; ok {
				return errFound
			}
		}
		return nil
	}
}

func newMap(n int) map[[16]byte]int64 {
	m := make(map[[16]byte]int64)
	for range n {
		m[randomKey()] = 1
	}
	return m
}

// heap is what is in use, in bytes.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
