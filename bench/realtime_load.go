package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sandi-auth/sandi/jwt"
)

// visitors is how many clients are let in at once.
const visitors = 32

// mint makes tokens. Those of an order without Tokens are signed as they are needed, each another's; else they are taken in turn.
type mint struct {
	KeyID  string   `json:"kid"`
	Typ    string   `json:"typ"`
	Claims string   `json:"claims"` // with NEW where each is its own
	Tokens []string `json:"tokens"`
}

// visit tells the generator of sockets what to do. Server names what the other orders are for.
type visit struct {
	Do      string        `json:"do"` // meet, shake (let clients in and out again), join, send, part
	Server  string        `json:"server"`
	Address string        `json:"address"` // with meet
	Mint    mint          `json:"mint"`    // with meet
	Of      protocol      `json:"of"`
	Count   int           `json:"count"` // of clients, or of messages that are sent at once
	For     time.Duration `json:"for"`
}

// host is a server that the generator has met.
type host struct {
	address string
	mint    mint
	key     *jwt.Key
	next    atomic.Int64
	room    *room
}

// crowds is the generator of sockets: an order a line in, a result a line out.
func crowds(in io.Reader, out io.Writer) error {
	hosts := map[string]*host{}
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var v visit
		if err := decoder.Decode(&v); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var r result
		start := time.Now()
		if v.Do == "meet" {
			key, err := jwt.NewKey(jwt.HS256, v.Mint.KeyID, []byte(secret))
			if err != nil {
				return err
			}
			hosts[v.Server] = &host{address: v.Address, mint: v.Mint, key: key}
		} else if h := hosts[v.Server]; h == nil {
			r.Fault = "no such server: " + v.Server
		} else if ops, err := h.do(v); err != nil {
			r.Fault = err.Error()
		} else {
			r.Ops = ops
		}
		r.Took = time.Since(start)
		if err := encoder.Encode(r); err != nil {
			return err
		}
	}
}

func (h *host) do(v visit) (ops int, err error) {
	switch v.Do {
	case "shake":
		return h.shake(v)
	case "join":
		return v.Count, h.join(v)
	case "send":
		for start := time.Now(); err == nil && time.Since(start) < v.For; ops += v.Count * len(h.room.wires) {
			err = h.room.broadcast(v.Count)
		}
		return ops, err
	case "part":
		for _, w := range h.room.wires {
			_ = w.Close()
		}
		h.room = nil
		return 0, nil
	}
	return 0, fmt.Errorf("no order is called %q", v.Do)
}

// token is the next.
func (h *host) token(n int64) (string, error) {
	if all := h.mint.Tokens; len(all) > 0 {
		return all[n%int64(len(all))], nil
	}
	claims := strings.ReplaceAll(h.mint.Claims, "NEW", handle())
	if h.mint.Typ == "" {
		return jwt.SignPayload(h.key, "JWT", []byte(claims))
	}
	return jwt.SignPayload(h.key, h.mint.Typ, []byte(claims))
}

func (h *host) enter(of protocol) (*wire, error) {
	n := h.next.Add(1)
	token, err := h.token(n)
	if err != nil {
		return nil, err
	}
	return of.dial(h.address, token, n)
}

// shake lets clients in, each until it has been greeted.
func (h *host) shake(v visit) (int, error) {
	var total atomic.Int64
	var group errgroup.Group
	until := time.Now().Add(v.For)
	for range visitors {
		group.Go(func() error {
			for time.Now().Before(until) {
				w, err := h.enter(v.Of)
				if err != nil {
					return err
				}
				w.leave(v.Of)
				total.Add(1)
			}
			return nil
		})
	}
	err := group.Wait()
	return int(total.Load()), err
}

// join lets clients in to stay.
func (h *host) join(v visit) error {
	c := &room{of: v.Of, wires: make([]*wire, v.Count), done: make(chan struct{}, 1)}
	var group errgroup.Group
	for i := range visitors {
		group.Go(func() (err error) {
			for j := i; err == nil && j < v.Count; j += visitors {
				c.wires[j], err = h.enter(v.Of)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, w := range c.wires {
		go c.hear(w)
	}
	h.room = c
	return nil
}

// visiting has the generator of sockets do an order.
func (p *process) visiting(v visit) (ops int, took time.Duration, err error) {
	var r result
	if err := cmp.Or(p.enc.Encode(v), p.dec.Decode(&r)); err != nil {
		return 0, 0, err
	}
	if r.Fault != "" {
		return 0, 0, fmt.Errorf("%s %s: %s", v.Do, v.Server, r.Fault)
	}
	return r.Ops, r.Took, nil
}
