package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/term"
)

// maxInput bounds what is read from standard input or a file, in bytes.
const maxInput = 1 << 20

// terminal is standard input, where that is one.
func (a *app) terminal() (*os.File, bool) {
	f, ok := a.stdin.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// terminalErr says that standard error is a terminal.
func (a *app) terminalErr() bool {
	f, ok := a.stderr.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

var errInterrupted = errors.New("interrupted")

// interruptible runs a blocking read that no context can end. When ctx ends
// first the read is left behind: the process is about to exit.
func interruptible[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := read()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, errInterrupted
	}
}

// readAll reads a file, or standard input where name is empty, after a prompt if a person
// is to type there.
func (a *app) readAll(ctx context.Context, name, prompt string) ([]byte, error) {
	if name != "" {
		return readFile(name)
	}
	if _, ok := a.terminal(); ok {
		_, _ = fmt.Fprintln(a.stderr, prompt+", then press Enter and Ctrl-D:")
	}
	return interruptible(ctx, func() ([]byte, error) { return readLimited(a.stdin, "standard input") })
}

func readFile(name string) (_ []byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return readLimited(f, name)
}

// readFault names what was read, unless err does so already, as those of files do.
func readFault(name string, err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return err
	}
	return fmt.Errorf("read %s: %w", name, err)
}

func readLimited(r io.Reader, name string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return nil, readFault(name, err)
	}
	if len(b) > maxInput {
		return nil, fmt.Errorf("read %s: more than %d bytes", name, maxInput)
	}
	return b, nil
}

// newPassword asks for a password twice without showing it, or reads one line
// from standard input where that is no terminal.
func (a *app) newPassword(ctx context.Context, username string) (string, error) {
	tty, ok := a.terminal()
	if !ok {
		return a.passwordLine(ctx)
	}
	first, err := a.askHidden(ctx, tty, fmt.Sprintf("New password for %s: ", oneLine(username)))
	if err != nil {
		return "", err
	}
	second, err := a.askHidden(ctx, tty, "Again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", fault("type the same password twice", "the two passwords differ")
	}
	return first, nil
}

func (a *app) passwordLine(ctx context.Context) (string, error) {
	text, err := interruptible(ctx, func() ([]byte, error) { return readLimited(a.stdin, "standard input") })
	if err != nil {
		return "", err
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case line == "":
		return "", usage("write it as one line to standard input, or run this in a terminal", "there is no password on standard input")
	case strings.ContainsAny(line, "\r\n"):
		return "", usage("write the password alone, as one line", "standard input has more than one line")
	}
	return line, nil
}

// askHidden reads a line from the terminal without echo, and leaves the
// terminal as it was when it is interrupted.
func (a *app) askHidden(ctx context.Context, tty *os.File, prompt string) (string, error) {
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	_, _ = fmt.Fprint(a.stderr, prompt)
	line, err := interruptible(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	_, _ = fmt.Fprintln(a.stderr)
	if errors.Is(err, errInterrupted) {
		return "", errors.Join(err, term.Restore(fd, before))
	}
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	return string(line), nil
}
