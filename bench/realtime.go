package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

const (
	subscribers = 1_000
	idlers      = 10_000
)

func realtimePart() part {
	return part{
		id: "realtime", title: "Live sockets, beside seed 001's server", run: runRealtime,
		note: fmt.Sprintf("sandi serve on SQLite and the server of seed 001 (express, socket.io, jsonwebtoken, in testdata/node) are processes that use one core at a time; "+
			"the same generator speaks Socket.IO by WebSocket alone to both, and the raw protocol to sandi. A handshake is a connection, the credential, the greeting and "+
			"the orderly end, of %d clients at once, each with a token that the server has not seen (of ES256 12,000 in turn); with sandi it joins a channel, and is recorded. "+
			"A broadcast is of 100 characters, from one client to %d, in time of the server's processor; sandi's message has its id, sender, time and cursor besides, and is kept. "+
			"An idle connection is one of %d, in bytes of heap and stacks after garbage collections; each is of another user. A slice counts where its neighbours agree within 25 %%.",
			visitors, subscribers, idlers),
	}
}

// stage is what the comparisons of sockets are made with.
type stage struct {
	*bench
	generator   *process
	dir, binary string
	node, sandi *talker // both HS256
}

func runRealtime(b *bench) error {
	dir, err := os.MkdirTemp("", "sandi-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &stage{bench: b, dir: dir, binary: filepath.Join(dir, "sandi")}
	build := exec.Command("go", "build", "-o", s.binary, "./cmd/sandi")
	build.Dir, build.Stderr = "..", os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build sandi: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if s.generator, err = launch(self, childFlag, "crowds"); err != nil {
		return err
	}
	defer s.generator.close()
	for _, run := range []func() error{s.beside, s.idle, s.gateway} {
		if err := run(); err != nil || b.err != nil {
			return errors.Join(err, b.err)
		}
	}
	return nil
}

// beside compares handshakes and broadcasts.
func (s *stage) beside() (err error) {
	if _, text, _ := strings.Cut(s.only, "/"); strings.HasPrefix(text, "idle") || strings.HasPrefix(text, "gateway") {
		return nil
	}
	if s.node, err = startNode(); errors.Is(err, errNoServer) || errors.Is(err, exec.ErrNotFound) {
		fmt.Fprintf(s.out, "  left out: node: %v\n", err)
		return nil
	} else if err != nil {
		return err
	}
	defer s.node.stop()
	s.others = append(s.others, s.node.version)
	if s.sandi, err = startSandi(s.binary, s.dir, jwt.HS256); err != nil {
		return err
	}
	defer s.sandi.stop()
	for _, t := range []*talker{s.node, s.sandi} {
		if err := s.meet(t); err != nil {
			return err
		}
	}
	s.handshakes(s.sandi, socketIO)
	s.handshakes(s.sandi, rawJSON)
	return errors.Join(s.handshakesES256(), s.broadcasts())
}

func (s *stage) meet(t *talker) error {
	_, _, err := s.generator.visiting(visit{Do: "meet", Server: t.name, Address: t.address, Mint: t.mint})
	return err
}

// work is a server's side of a comparison: the wall clock's time, or its processor's.
type work struct {
	t          *talker
	order      visit
	processor  bool
	ops        int
	used, took time.Duration
}

func (s *stage) work(t *talker, v visit, processor bool) *work {
	v.Server = t.name
	return &work{t: t, order: v, processor: processor}
}

func (s *stage) side(w *work) side {
	return side{w.t.name, func(d time.Duration) (int, time.Duration, error) {
		w.order.For = d
		before := w.t.used()
		ops, took, err := s.generator.visiting(w.order)
		if err == nil && ops == 0 {
			err = errors.New("nothing was done")
		}
		used := w.t.used() - before
		w.ops, w.used, w.took = w.ops+ops, w.used+used, w.took+took
		if w.processor {
			took = used
		}
		return ops, took, err
	}}
}

// each is what an operation cost the processor, of all slices.
func (w *work) each() float64 { return float64(w.used) / float64(w.ops) }

func handshakesOf(of protocol, server string) string {
	return fmt.Sprintf("handshakes, %s, %s: rate, of node's", of, server)
}

func (s *stage) handshakes(t *talker, of protocol) {
	subject, reference := s.work(t, visit{Do: "shake", Of: of}, false), s.work(s.node, visit{Do: "shake", Of: socketIO}, false)
	if s.compare(comparison{
		name: handshakesOf(of, t.name), figure: speed, limit: atLeast(8), scale: 16, tolerance: 0.25,
		subject: s.side(subject), reference: s.side(reference),
	}) == 0 {
		return
	}
	s.state(fmt.Sprintf("handshakes, %s, %s: processor, of node's", of, t.name), subject.each()/reference.each(), "x", limit{},
		fmt.Sprintf("%s %s, node %s", t.name, perOp(subject.each()), perOp(reference.each())))
}

// handshakesES256 are with the default algorithm.
func (s *stage) handshakesES256() error {
	if !s.wants(handshakesOf(socketIO, "sandi, ES256")) {
		return nil
	}
	t, err := startSandi(s.binary, s.dir, jwt.ES256)
	if err != nil {
		return err
	}
	defer t.stop()
	if err := s.meet(t); err != nil {
		return err
	}
	s.handshakes(t, socketIO)
	return nil
}

func (s *stage) broadcasts() error {
	if !s.wants("broadcast") {
		return nil
	}
	for _, t := range []*talker{s.node, s.sandi} {
		if _, _, err := s.generator.visiting(visit{Do: "join", Server: t.name, Of: socketIO, Count: subscribers}); err != nil {
			return err
		}
	}
	for _, c := range []struct {
		name  string
		count int
		most  float64
	}{{"broadcast, 16 messages at once: of node's", 16, 0.25}, {"broadcast, one message at a time: of node's", 1, 1}} {
		v := visit{Do: "send", Count: c.count}
		s.compare(comparison{
			name: c.name, figure: share, limit: atMost(c.most), scale: 16, tolerance: 0.25,
			subject: s.side(s.work(s.sandi, v, true)), reference: s.side(s.work(s.node, v, true)),
		})
	}
	return nil
}
