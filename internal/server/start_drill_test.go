//go:build drill

package server_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

const (
	starts    = 20
	mostStart = 150 * time.Millisecond
	mostRSS   = 40 << 10 // KiB
)

// The real command, on SQLite, its keys made: how long from its start until it is ready, and how much memory it then
// has when nothing happens for ten seconds.
func TestDrillStart(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "sandi")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/sandi").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data := filepath.Join(t.TempDir(), "data")
	startCommand(t, binary, data).stop() // makes the keys
	var ready []time.Duration
	for range starts {
		p := startCommand(t, binary, data)
		ready = append(ready, p.ready)
		p.stop()
	}
	p := startCommand(t, binary, data)
	time.Sleep(10 * time.Second)
	rss := p.rss()
	p.stop()
	slices.Sort(ready)
	median := ready[len(ready)/2]
	t.Logf("%d starts: ready after median %s, longest %s; %.1f MiB resident when idle", starts,
		median.Round(time.Millisecond), ready[len(ready)-1].Round(time.Millisecond), float64(rss)/1024)
	if median > mostStart {
		t.Errorf("ready after %s, want %s at most", median, mostStart)
	}
	if rss > mostRSS {
		t.Errorf("%d KiB resident, want %d at most", rss, mostRSS)
	}
}

// command is a running sandi serve.
type command struct {
	t     *testing.T
	cmd   *exec.Cmd
	ready time.Duration // from its start
}

func startCommand(t *testing.T, binary, data string) *command {
	t.Helper()
	cmd := exec.Command(binary, "serve", "--data", data, "--addr", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "SANDI_ADMIN_ADDR=127.0.0.1:0", "SANDI_LOG_FORMAT=json")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &command{t: t, cmd: cmd}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // where the test failed in between
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line struct{ Issuer string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Issuer != "" {
			r := running{t: t, url: line.Issuer}
			r.want(r.call(plain(t), "GET", "/readyz", "", ""), 200, "")
			p.ready = time.Since(begun)
			return p
		}
	}
	t.Fatalf("the command ended: %v", lines.Err())
	return nil
}

func (p *command) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatal(err)
	}
}

// rss is the resident memory in KiB.
func (p *command) rss() int {
	p.t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "status"))
	if err != nil {
		p.t.Skip("no /proc here: ", err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		p.t.Fatal("no VmRSS in /proc")
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}
