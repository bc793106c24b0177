package interop_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// startDemo runs `sandi demo` until the test ends, and returns its URL.
func startDemo(t *testing.T, args ...string) string {
	t.Helper()
	address := freeAddress(t)
	var log bytes.Buffer
	env := append(os.Environ(), "TMPDIR="+t.TempDir())
	k := keep(t, env, &log, buildSandi(t), append([]string{"demo", "--addr", address}, args...)...)
	t.Cleanup(func() {
		if err := k.stop(); err != nil {
			t.Errorf("sandi demo: %v", err)
		}
		if t.Failed() {
			t.Logf("log of sandi demo %v:\n%s", args, &log)
		}
	})
	p := &provider{t: t, url: "http://" + address, http: http.DefaultClient}
	if !within(time.Minute, func() bool { return k.gone() || p.answers("/readyz") }) || k.gone() {
		t.Fatal("sandi demo does not become ready")
	}
	return p.url
}

// runCases lets a script of testdata do its cases, each of which becomes a subtest. It needs npm packages.
func runCases(t *testing.T, script string, settings map[string]any, packages ...string) {
	t.Helper()
	modules := must(filepath.Abs(filepath.Join("..", "..", "test", "npm")))
	path, err := exec.LookPath("node")
	for _, name := range packages {
		if err == nil {
			_, err = os.Stat(filepath.Join(modules, "node_modules", name))
		}
	}
	if err != nil {
		missing(t, "node, or what test/npm installs,")
	}
	settings["packages"] = modules
	cmd := exec.Command(path, filepath.Join("testdata", script))
	cmd.Stdin = bytes.NewReader(append(must(json.Marshal(settings)), '\n'))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out := must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(90*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	cases := 0
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for ; lines.Scan(); cases++ {
		var r line
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Errorf("read %q: %v", lines.Text(), err)
		}
		t.Run(r.Name, func(t *testing.T) {
			if r.Error != "" {
				t.Error(r.Error)
			}
		})
	}
	if err := cmd.Wait(); err != nil || cases == 0 {
		t.Errorf("%s: %d cases, %v\n%s", script, cases, err, &stderr)
	}
}

// TestMissions: the raw WebSocket of seed 001 as it is printed, by npm's ws, and what is to be used instead.
// secure-defaults 21a, 21c
func TestMissions(t *testing.T) {
	t.Parallel()
	runCases(t, "missions.mjs", map[string]any{"demo": startDemo(t), "short": startDemo(t, "--access", "4s")}, "ws")
}

// TestMissionsPage: the demo's page signs in, talks, outlives its tokens and is signed out, in Chromium.
func TestMissionsPage(t *testing.T) {
	t.Parallel()
	packagesFor(t)
	runCases(t, "missions_page.mjs", map[string]any{"demo": startDemo(t), "short": startDemo(t, "--access", "4s")}, "socket.io-client", "ws")
}
