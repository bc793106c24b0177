package drill_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/gob"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/server"
	"github.com/sandi-auth/sandi/internal/testdb"
)

func TestMain(m *testing.M) {
	serveIfAsked()
	testdb.Main(m)
}

// nodeEnv makes this test binary a node with the order that it holds, until its standard input ends or it is killed.
const nodeEnv = "SANDI_DRILL_NODE"

// order is what a node is told.
type order struct {
	Config config.Config
	// Planted gives the node the fault that a drill is to find.
	Planted bool
}

func serveIfAsked() {
	text := os.Getenv(nodeEnv)
	if text == "" {
		return
	}
	if err := serve(text); err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(text string) error {
	var o order
	if err := gob.NewDecoder(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text))).Decode(&o); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	options := server.Options{Config: o.Config, Stdout: io.Discard, InsecureWeakHash: true, Logger: slog.New(slog.DiscardHandler)}
	if level := os.Getenv("DRILL_LOG"); level != "" {
		options.Logger = server.NewLogger(os.Stderr, config.Log{Level: level, Format: "json"}, false)
	}
	if o.Planted {
		options.Sessions = planted
	}
	s, err := server.New(ctx, options)
	if err != nil {
		return err
	}
	fmt.Println(s.Addr())
	go func() { // ends with its parent
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return s.Run(ctx)
}

// node is one process.
type node struct {
	order order
	under []string // the program that runs it, such as strace; nil for none
	cmd   *exec.Cmd
	stop  func()

	mu  sync.Mutex
	url string
}

// start runs the node's process and returns when it listens; the error holds what it said.
func (n *node) start() error {
	var text bytes.Buffer
	if err := gob.NewEncoder(&text).Encode(n.order); err != nil {
		return err
	}
	argv := append(slices.Clone(n.under), os.Args[0])
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), nodeEnv+"="+base64.StdEncoding.EncodeToString(text.Bytes()))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	n.stop = sync.OnceFunc(func() {
		stdin.Close()
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		n.stop()
		return fmt.Errorf("node did not start: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cmd, n.url = cmd, "http://"+strings.TrimSpace(line)
	return nil
}

func (n *node) address() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.url
}

func (n *node) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		t.Fatalf("signal %v: %v", s, err)
	}
}

// kill is kill -9.
func (n *node) kill(t testing.TB) {
	t.Helper()
	n.signal(t, syscall.SIGKILL)
	n.stop()
}

// restart starts a killed node again, and waits until it is ready.
func (n *node) restart(t testing.TB) time.Duration {
	t.Helper()
	begun := time.Now()
	for {
		err := n.start()
		if err == nil {
			break
		}
		if time.Since(begun) > 30*time.Second {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // the database is down too
	}
	n.ready(t)
	return time.Since(begun)
}

// ready waits until the node says that requests may be sent there.
func (n *node) ready(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		a, err := call(n.address(), "GET", "/readyz", "", nil)
		if err == nil && a.status == 200 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready: %+v %v", a, err)
		}
	}
}
