package testdb

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// port is bound, and not listened on, as long as the server has a folder: the
// server may listen on it (both set SO_REUSEADDR), and nobody else is given it
// by chance, not even while the server is stopped.
type port struct{ number, fd int }

func reservePort() (*port, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	p := &port{fd: fd}
	if err := p.bind(); err != nil {
		p.release()
		return nil, fmt.Errorf("reserve port: %w", err)
	}
	return p, nil
}

func (p *port) bind() error {
	if err := syscall.SetsockoptInt(p.fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if err := syscall.Bind(p.fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return err
	}
	name, err := syscall.Getsockname(p.fd)
	if err != nil {
		return err
	}
	p.number = name.(*syscall.SockaddrInet4).Port
	return nil
}

func (p *port) release() { _ = syscall.Close(p.fd) }

// alone keeps from a process the ^C of the test process's terminal, and the
// SIGHUP of a process group that is orphaned while one of it is frozen.
func alone(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// alive is false for a process that is dead or a zombie.
func alive(pid int) bool {
	state := state(fmt.Sprintf("/proc/%d", pid))
	return state != 'Z' && state != 'X'
}

// state is that of a process or thread (proc_pid_stat(5)): X for one that is gone.
func state(folder string) byte {
	stat, _ := os.ReadFile(filepath.Join(folder, "stat"))
	if at := strings.LastIndex(string(stat), ") "); at >= 0 {
		return stat[at+2]
	}
	return 'X'
}

// freeze stops the parent first: it makes no children then.
func freeze(pid int) {
	halt(pid)
	for _, child := range children(pid) {
		halt(child)
	}
}

// halt stops a process and waits until each of its threads has.
func halt(pid int) {
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	for {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		if !slices.ContainsFunc(threads, func(t string) bool { return !strings.ContainsRune("TtZX", rune(state(t))) }) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func thaw(pid int) {
	for _, child := range children(pid) {
		_ = syscall.Kill(child, syscall.SIGCONT)
	}
	_ = syscall.Kill(pid, syscall.SIGCONT)
}

func children(pid int) (out []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, word := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				out = append(out, child)
			}
		}
	}
	return out
}
