package testdb

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ErrMissing says that a server's programs are not installed, too old, or
// cannot be run on this system.
var ErrMissing = errors.New("missing; scripts/install-test-tools installs it")

// startTime is how long a server may take to answer: long, because machines
// that test are busy.
const startTime = time.Minute

// keeper carries out orders until its input ends, and then leaves nothing of the
// server. Its arguments are the folder, the signal that kills the server and the
// server's command line. Children are killed first, while their parent cannot
// tell them to finish what they do, nor make others.
const keeper = `
dir=$1 signal=$2 pid=
shift 2
stop() {
  [ -n "$pid" ] || return 0
  kill -STOP "$pid"
  kill -KILL $(cat /proc/"$pid"/task/*/children)
  kill -"$signal" "$pid"
  kill -CONT "$pid"
  wait "$pid"
  pid=
}
while read -r order; do
  case $order in
  start) "$@" </dev/null >>"$dir/log" 2>&1 & pid=$!; echo "$pid" ;;
  stop) stop; echo stopped ;;
  esac
done
stop
tries=50 # the installation may still be writing, for a moment
until rm -rf -- "$dir" || [ $((tries -= 1)) = 0 ]; do sleep 0.1; done
`

// daemon is a server's process, as long as it has a folder.
type daemon struct {
	name string // for errors
	dir  string // its log, and its data folder, "data"
	user string // who it runs as where the tests are run by root; empty for who runs the tests
	port *port
	// signal kills the process itself; its children are killed by SIGKILL.
	signal string
	// answers fails while the server does not serve.
	answers func() error

	mu     sync.Mutex // guards what follows
	keeper *exec.Cmd
	orders io.WriteCloser
	answer io.Closer // what said reads
	said   *bufio.Reader
	pid    int // 0 while stopped
	frozen bool
	closed bool
}

// newDaemon makes the folder and reserves a port. The account is the one that
// Debian's package makes for the server.
func newDaemon(name, account string) (d *daemon, err error) {
	d = &daemon{name: name, signal: "KILL"}
	if d.dir, err = os.MkdirTemp("", "sandi-testdb-"+strings.ToLower(name)+"-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(d.dir)
		}
	}()
	if _, err := user.Lookup(account); err == nil && os.Getuid() == 0 {
		d.user = account
	}
	if err := os.Chmod(d.dir, 0o711); err != nil { // the account passes through
		return nil, err
	}
	if err := os.Mkdir(d.data(), 0o700); err != nil {
		return nil, err
	}
	if err := d.own(d.data()); err != nil {
		return nil, err
	}
	d.port, err = reservePort()
	return d, err
}

func (d *daemon) data() string { return filepath.Join(d.dir, "data") }

// own gives a file to the account that the server runs as.
func (d *daemon) own(path string) error {
	if d.user == "" {
		return nil
	}
	u, err := user.Lookup(d.user)
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return os.Chown(path, uid, gid)
}

// file writes what only the server may read, into its folder.
func (d *daemon) file(name, content string) (path string, err error) {
	path = filepath.Join(d.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return "", err
	}
	return path, d.own(path)
}

// as puts what changes the account before a command line.
func (d *daemon) as(argv []string) []string {
	if d.user == "" {
		return argv
	}
	return append([]string{"setpriv", "--reuid=" + d.user, "--regid=" + d.user, "--clear-groups"}, argv...)
}

// command is a program in the server's folder and the C locale.
func (d *daemon) command(argv ...string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = d.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	return cmd
}

// install runs what makes the data folder.
func (d *daemon) install(argv ...string) error {
	if out, err := d.command(d.as(argv)...).CombinedOutput(); err != nil {
		return fmt.Errorf("install %s: %w\n%s", d.name, err, out)
	}
	return nil
}

// keep starts the keeper, which owns the folder from then on and will start
// the server by this command line.
func (d *daemon) keep(argv ...string) error {
	in, orders, err := os.Pipe()
	if err != nil {
		return err
	}
	defer in.Close()
	said, out, err := os.Pipe()
	if err != nil {
		return errors.Join(err, orders.Close())
	}
	defer out.Close()
	cmd := d.command(append([]string{"/bin/sh", "-c", keeper, "sh", d.dir, d.signal}, d.as(argv)...)...)
	cmd.Stdin, cmd.Stdout = in, out
	alone(cmd)
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("start the keeper of %s: %w", d.name, err), orders.Close(), said.Close())
	}
	d.keeper, d.orders, d.answer, d.said = cmd, orders, said, bufio.NewReader(said)
	return nil
}

// order is answered with a word.
func (d *daemon) order(what string) (string, error) {
	if _, err := io.WriteString(d.orders, what+"\n"); err != nil {
		return "", err
	}
	line, err := d.said.ReadString('\n')
	return strings.TrimSpace(line), err
}

// Start starts the server again, on the same folder and port, and waits until it
// answers, a minute at most. Of a server that runs it makes sure that it answers.
func (d *daemon) Start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return fmt.Errorf("start %s: it is closed", d.name)
	}
	var err error
	for begun := time.Now(); time.Since(begun) < startTime; time.Sleep(10 * time.Millisecond) {
		if d.pid == 0 || !alive(d.pid) {
			if err := d.launch(); err != nil {
				return fmt.Errorf("start %s: %w", d.name, err)
			}
		}
		if err = d.answers(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("start %s: %w\n%s", d.name, err, d.Log())
}

// launch starts the process, after burying one that died by itself.
func (d *daemon) launch() error {
	if d.pid != 0 {
		d.stop()
	}
	word, err := d.order("start")
	if err != nil {
		return err
	}
	d.pid, err = strconv.Atoi(word)
	return err
}

// Stop kills the server and its children at once, as a power cut does. What it
// wrote is kept for Start. Stopping twice does nothing.
func (d *daemon) Stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stop()
}

func (d *daemon) stop() {
	if d.pid == 0 || d.closed {
		return
	}
	if _, err := d.order("stop"); err != nil {
		panic("testdb: the keeper of a server is gone: " + err.Error())
	}
	d.pid, d.frozen = 0, false
}

// Freeze stops the server and its children where they are: connections stay
// open, and nothing answers.
func (d *daemon) Freeze() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pid != 0 {
		freeze(d.pid)
		d.frozen = true
	}
}

// Thaw ends a Freeze.
func (d *daemon) Thaw() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pid != 0 {
		thaw(d.pid)
		d.frozen = false
	}
}

// Addr is host and port, the same before and after Stop and Start.
func (d *daemon) Addr() string { return "127.0.0.1:" + strconv.Itoa(d.port.number) }

// Log is what the server has logged.
func (d *daemon) Log() string {
	text, err := os.ReadFile(filepath.Join(d.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(text))
}

// Close kills the server and removes its folder. Closing twice does nothing.
func (d *daemon) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.closed = true
	if d.keeper == nil {
		_ = os.RemoveAll(d.dir)
	} else {
		_ = d.orders.Close()
		_ = d.keeper.Wait()
		_ = d.answer.Close()
	}
	d.port.release()
}

// running says whether the server can be spoken to.
func (d *daemon) running() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.pid != 0 && !d.frozen && !d.closed
}

// password is a new one, of letters and digits only.
func password() string { return rand.Text() }
