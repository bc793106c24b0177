package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func oauthPart() part {
	return part{
		id: "oauth", title: "OAuth endpoints under load, of a bare handler's rate", run: runOAuth,
		note: "The Go benchmarks of internal/server, over loopback HTTP, server and load in one process on all cores, a process for each slice. " +
			"client_credentials authenticates by a secret and signs with ES256; its bare handler parses the form, takes the SHA-256 of the secret, signs and " +
			"writes. Introspection is of a live access token; its bare handler parses the form, takes the SHA-256, verifies the signature and " +
			"writes. A round is authorize with an existing sign-in, token and userinfo, of 20 clients at once on SQLite. A slice counts where its " +
			"neighbours agree within 20 %: two processes are less even than two loops.",
	}
}

func runOAuth(b *bench) error {
	dir, err := os.MkdirTemp("", "sandi-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tests := goBenchmarks{filepath.Join(dir, "server.test"), "server"}
	if err := tests.build(); err != nil {
		return err
	}
	for _, c := range []struct {
		name, benchmark string
		least, rate     float64
	}{
		{"client_credentials", "BenchmarkClientCredentials", 0.5, 2850},
		{"introspection", "BenchmarkIntrospection", 0.6, 0},
	} {
		var rates []float64
		subject := tests.slices(c.benchmark + "/sandi")
		b.compare(comparison{
			name: c.name + ", ES256", figure: speed, limit: atLeast(c.least), scale: 10, tolerance: 0.2,
			subject: side{"sandi", func(d time.Duration) (ops int, took time.Duration, err error) {
				if ops, took, err = subject(d); err == nil {
					rates = append(rates, float64(ops)/took.Seconds())
				}
				return ops, took, err
			}},
			reference: side{"bare", tests.slices(c.benchmark + "/bare")},
		})
		if len(rates) > 0 && c.rate > 0 {
			b.state(c.name+", ES256: a second", median(rates), "", atLeast(c.rate), "")
		}
	}
	return b.round(tests)
}

// round states how long the slowest of a hundred rounds of the authorization code takes.
func (b *bench) round(tests goBenchmarks) error {
	const name = "authorization code round, 20 clients: 99 of 100"
	if !b.wants(name) || b.err != nil {
		return nil
	}
	_, took, metrics, err := tests.run("BenchmarkAuthorizeRound", 100*b.slice)
	if err != nil {
		return err
	}
	p99, ok := metrics["p99-ms"]
	if !ok {
		return fmt.Errorf("BenchmarkAuthorizeRound reports no p99-ms: %v", metrics)
	}
	b.state(name, p99, "ms", atMost(50), fmt.Sprintf("half of them %s, a round every %s", perOp(metrics["p50-ms"]*1e6), perOp(float64(took))))
	return nil
}

// goBenchmarks is a compiled test binary, of a package in internal.
type goBenchmarks struct{ binary, of string }

func (g goBenchmarks) build() error {
	build := exec.Command("go", "test", "-c", "-o", g.binary, "./internal/"+g.of)
	build.Dir, build.Stderr = "..", os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the benchmarks: %w", err)
	}
	return nil
}

// slices runs a benchmark anew for each slice.
func (g goBenchmarks) slices(name string) runner {
	return func(d time.Duration) (int, time.Duration, error) {
		ops, each, _, err := g.run(name, d)
		return ops, time.Duration(ops) * each, err
	}
}

// run runs the one benchmark of a name, its parts separated by slashes: how many operations in about d, how long each took, and what
// else it reports, by unit.
func (g goBenchmarks) run(name string, d time.Duration) (ops int, each time.Duration, metrics map[string]float64, err error) {
	pattern := "^" + strings.ReplaceAll(name, "/", "$/^") + "$"
	cmd := exec.Command(g.binary, "-test.run", "^$", "-test.bench", pattern, "-test.benchtime", d.String(), "-test.timeout", "5m")
	cmd.Dir = filepath.Join("..", "internal", g.of) // as go test has it
	out, err := cmd.CombinedOutput()
	if err == nil {
		ops, each, metrics, err = parseBenchmark(string(out))
	}
	if err != nil {
		return 0, 0, nil, fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return ops, each, metrics, nil
}

var benchmarkLine = regexp.MustCompile(`(?m)^Benchmark\S+\s+(\d+)\s+(.+)$`)

// parseBenchmark reads the one result that there is (golang.org/design/14313-benchmark-format).
func parseBenchmark(out string) (ops int, each time.Duration, metrics map[string]float64, err error) {
	lines := benchmarkLine.FindAllStringSubmatch(out, -1)
	if len(lines) != 1 {
		return 0, 0, nil, fmt.Errorf("%d results, want one", len(lines))
	}
	ops, _ = strconv.Atoi(lines[0][1])
	metrics = map[string]float64{}
	for pair := range slices.Chunk(strings.Fields(lines[0][2]), 2) {
		if len(pair) < 2 {
			return 0, 0, nil, fmt.Errorf("%q has no unit", pair[0])
		}
		if metrics[pair[1]], err = strconv.ParseFloat(pair[0], 64); err != nil {
			return 0, 0, nil, err
		}
	}
	if each = time.Duration(metrics["ns/op"]); ops == 0 || each == 0 {
		return 0, 0, nil, errors.New("no time an operation")
	}
	return ops, each, metrics, nil
}
