package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// childFlag, first of two arguments, makes this program a child of itself: "serve", "load" or "crowds".
const childFlag = "-child"

func child(name string, in io.Reader, out io.Writer) error {
	switch name {
	case "serve":
		return serve(in, out)
	case "load":
		return generate(in, out)
	case "crowds":
		return crowds(in, out)
	}
	return fmt.Errorf("no child is called %q", name)
}

// process is a program on a core of its own that reads and writes JSON, and ends when its input does.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	enc *json.Encoder
	dec *json.Decoder
}

// start runs a program on a core.
func start(core int, name string, args ...string) (*process, error) {
	args = append([]string{"-c", strconv.Itoa(core), name}, args...)
	p := &process{cmd: exec.Command("taskset", args...)}
	p.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	p.enc, p.dec = json.NewEncoder(p.in), json.NewDecoder(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("pin %s to a core: %w", name, err)
	}
	return p, nil
}

// startSelf runs a child of this program.
func startSelf(core int, child string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return start(core, self, childFlag, child)
}

func (p *process) close() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

// used is how much of a core the process has had, to a hundredth of a second (proc_pid_stat(5), utime and stime).
func (p *process) used() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}
