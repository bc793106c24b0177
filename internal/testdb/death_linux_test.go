package testdb_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/testdb"
)

// ending says in the environment of a child how it is to end.
const ending = "TESTDB_ENDING"

// TestChild is the child of TestDeath: it starts everything and ends.
func TestChild(t *testing.T) {
	how := os.Getenv(ending)
	if how == "" {
		return
	}
	if how == "kill" {
		connect(t, testdb.MariaDB(t))
	}
	testdb.StartPostgres(t, testdb.Options{}).Freeze()
	testdb.Redis(t).Stop()
	fmt.Println("ready")
	switch how {
	case "panic":
		go panic("the end of the child")
		select {}
	case "kill":
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
}

// However a test process ends, no server of it is left, and no folder.
func TestDeath(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"return", "panic", "kill"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			for _, k := range kinds {
				k.shared(t) // or the child skips
			}
			dir := t.TempDir()
			if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil { // the servers' accounts pass through
				t.Fatal(err)
			}
			runChild(t, how, dir)
			left := processes(dir)
			for begun := time.Now(); len(left) > 0 && time.Since(begun) < 30*time.Second; left = processes(dir) {
				time.Sleep(10 * time.Millisecond) // the keepers are nobody's children any more, so nobody can wait for them
			}
			folders, err := os.ReadDir(dir)
			if len(left) > 0 || len(folders) > 0 || err != nil {
				t.Errorf("left behind: processes %v, folders %v, %v", left, folders, err)
			}
		})
	}
}

// runChild runs TestChild, with its folders in dir, until it has ended.
func runChild(t *testing.T, how, dir string) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v")
	child.Env = append(os.Environ(), ending+"="+how, "TMPDIR="+dir)
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "ready" {
		fmt.Fprintln(&said, lines.Text())
	}
	if how == "kill" {
		if n := len(processes(dir)); n < 6 {
			t.Errorf("%d processes before the end, want 3 keepers, one of them idle, and 2 servers, one with children", n)
		}
		_ = child.Process.Kill()
	}
	_, _ = io.Copy(io.Discard, out)
	if err := child.Wait(); (err == nil) != (how == "return") {
		t.Errorf("child: %v\n%s", err, &said)
	}
}

// processes are those that work in a folder or name it.
func processes(dir string) (out []string) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, proc := range all {
		cwd, _ := os.Readlink(filepath.Join(proc, "cwd"))
		argv, _ := os.ReadFile(filepath.Join(proc, "cmdline"))
		if strings.Contains(cwd, dir) || strings.Contains(string(argv), dir) {
			program, _, _ := strings.Cut(string(argv), "\x00")
			out = append(out, proc+" "+program)
		}
	}
	return out
}
