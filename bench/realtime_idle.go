package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// idle states what a connection costs that says nothing, each time in a server of its own.
func (s *stage) idle() error {
	for _, c := range []struct {
		name  string
		start func() (*talker, error)
		of    protocol
		limit limit
	}{
		{"idle connection, raw, sandi", func() (*talker, error) { return startSandi(s.binary, s.dir, jwt.HS256) }, rawJSON, atMost(10)},
		{"idle connection, socket.io, sandi", func() (*talker, error) { return startSandi(s.binary, s.dir, jwt.HS256) }, socketIO, atMost(16)},
		{"idle connection, socket.io, node", startNode, socketIO, limit{}},
	} {
		if !s.wants(c.name) {
			continue
		}
		each, err := s.idling(c.start, c.of)
		if errors.Is(err, errNoServer) || errors.Is(err, exec.ErrNotFound) {
			fmt.Fprintf(s.out, "  left out: node: %v\n", err)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		s.state(c.name, each.Heap/1024, "KiB", c.limit, fmt.Sprintf("of it stacks %s KiB; resident %s KiB more", number(each.Stack/1024), number(each.Resident/1024)))
	}
	return nil
}

// idling is what each of the connections added.
func (s *stage) idling(start func() (*talker, error), of protocol) (each memory, err error) {
	t, err := start()
	if err != nil {
		return each, err
	}
	defer t.stop()
	if err := s.meet(t); err != nil {
		return each, err
	}
	// The first clients make what all of them share.
	if _, _, err := s.generator.visiting(visit{Do: "shake", Server: t.name, Of: of, For: 200 * time.Millisecond}); err != nil {
		return each, err
	}
	before, err := t.memory()
	if err != nil {
		return each, err
	}
	if _, _, err := s.generator.visiting(visit{Do: "join", Server: t.name, Of: of, Count: idlers}); err != nil {
		return each, err
	}
	after, err := t.memory()
	if err != nil {
		return each, err
	}
	_, _, err = s.generator.visiting(visit{Do: "part", Server: t.name})
	return memory{(after.Heap - before.Heap) / idlers, (after.Stack - before.Stack) / idlers, (after.Resident - before.Resident) / idlers}, err
}

// gateway states what the benchmarks of internal/gateway report: ratios of one process, made in turns.
func (s *stage) gateway() error {
	if !s.wants("gateway") {
		return nil
	}
	tests := goBenchmarks{filepath.Join(s.dir, "gateway.test"), "gateway"}
	if err := tests.build(); err != nil {
		return err
	}
	for _, c := range []struct {
		name, benchmark, metric, unit string
		limit                         limit
		runs                          int
	}{
		{"gateway: requests a second, of a bare ReverseProxy's", "BenchmarkProxy", "throughput-ratio", "x", atLeast(0.9), 9},
		{"gateway: message of 100 bytes, processor of a bare one's", "BenchmarkProxiedDelivery/100", "cpu-ratio", "x", atMost(1.1), 9},
		{"gateway: message of 4 KiB, processor of a bare one's", "BenchmarkProxiedDelivery/4096", "cpu-ratio", "x", atMost(1.1), 9},
		{"gateway: idle connection", "BenchmarkProxiedIdle", "KB/conn", "KiB", atMost(45), 1},
	} {
		if !s.wants(c.name) {
			continue
		}
		var values []float64
		for range min(c.runs, max(s.rounds, 5)) {
			_, _, metrics, err := tests.run(c.benchmark, 20*s.slice)
			if err != nil {
				return err
			}
			values = append(values, metrics[c.metric])
		}
		s.add(row{
			Part: s.part.id, Name: c.name, Unit: c.unit, Limit: c.limit, Value: median(values),
			Low: quantile(values, 0.25), High: quantile(values, 0.75), Detail: fmt.Sprintf("median of %d processes", len(values)),
		})
	}
	return nil
}
