//go:build !linux

package testdb

import (
	"fmt"
	"os/exec"
	"runtime"
)

type port struct{ number int }

func reservePort() (*port, error) {
	return nil, fmt.Errorf("private servers on %s: %w", runtime.GOOS, ErrMissing)
}

func (p *port) release() {}

func alone(*exec.Cmd) {}

func alive(int) bool { return false }

func freeze(int) {}

func thaw(int) {}
