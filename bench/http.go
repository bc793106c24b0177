package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"time"
)

func httpPart() part {
	return part{
		id: "http", title: "A handler under load, guarded, of its rate unguarded", run: runHTTP,
		note: fmt.Sprintf("The server and the load generator are processes pinned to a core each, with %d connections over loopback, "+
			"one request at a time over each. Both routes are of the same server and get the same request, token included. The "+
			"server is busy for the part of the time that is said: where that is near 100 %%, it and not the generator is what "+
			"was measured. Warm is the default guard with a RevocationList, cold has no cache. gin-jwt is compared with gin; node "+
			"and Flask are compared with themselves.", clients),
	}
}

func runHTTP(b *bench) error {
	generator, err := startSelf(1, "load")
	if err != nil {
		return err
	}
	defer generator.close()
	f, err := newFixture("HS256")
	if err != nil {
		return err
	}
	if err := b.serving(generator, 1.5, func() (*process, error) { return startSelf(0, "serve") }); err != nil {
		return err
	}
	for _, other := range [][]string{{"node", "testdata/server.mjs"}, {"/usr/bin/python3", "testdata/server.py"}} {
		err := b.serving(generator, 5, func() (*process, error) {
			return start(0, other[0], append(other[1:], secret, f.token, issuer, audience)...)
		})
		if errors.Is(err, errNoServer) || errors.Is(err, exec.ErrNotFound) {
			fmt.Fprintf(b.out, "  left out: %s %s: %v\n", other[0], other[1], err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

var errNoServer = errors.New("it does not start, or what it needs is not installed")

// serving starts a server and compares its routes.
func (b *bench) serving(generator *process, scale float64, start func() (*process, error)) error {
	server, err := start()
	if err != nil {
		return err
	}
	defer server.close()
	var h hello
	if err := server.dec.Decode(&h); err != nil {
		return errNoServer
	}
	for _, t := range h.Targets {
		if !b.wants(t.Name) {
			continue
		}
		if err := t.check(h.Address); err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		used, since := server.used(), time.Now()
		c := comparison{
			name: t.Name, figure: speed, scale: scale,
			subject:   side{"guarded", generator.loading(order{Address: h.Address, Path: t.Guarded, Token: t.Token})},
			reference: side{"open", generator.loading(order{Address: h.Address, Path: t.Open, Token: t.Token})},
			detail: func() string {
				return fmt.Sprintf("server %.0f %% busy", 100*float64(server.used()-used)/float64(time.Since(since)))
			},
		}
		if t.Least > 0 {
			c.limit = atLeast(t.Least)
		}
		b.compare(c)
	}
	if h.Version != "" {
		b.others = append(b.others, h.Version)
	}
	return nil
}

// loading has the generator do an order for the time of a slice.
func (p *process) loading(o order) runner {
	return func(d time.Duration) (int, time.Duration, error) {
		o.For = d
		var r result
		if err := cmp.Or(p.enc.Encode(o), p.dec.Decode(&r)); err != nil {
			return 0, 0, err
		}
		if r.Fault != "" || r.Ops == 0 {
			return 0, 0, fmt.Errorf("load %s: %d requests: %s", o.Path, r.Ops, r.Fault)
		}
		return r.Ops, r.Took, nil
	}
}

// check sees to it that the guard guards: the good token gets in, one with another signature does not.
func (t target) check(address string) error {
	for _, c := range []struct {
		path, token string
		want        bool
	}{{t.Open, "", true}, {t.Guarded, t.Token, true}, {t.Guarded, t.Token[:len(t.Token)-4] + "AAAA", false}, {t.Guarded, "", false}} {
		r, err := http.NewRequest(http.MethodGet, "http://"+address+c.path, nil)
		if err != nil {
			return err
		}
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		_ = res.Body.Close()
		if got := res.StatusCode == http.StatusOK; got != c.want {
			return fmt.Errorf("%s answered %s", c.path, res.Status)
		}
	}
	return nil
}
