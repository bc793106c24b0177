package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/sandi-auth/sandi/client"
)

// maxLine bounds a line that is typed, in bytes; it is more than a channel takes.
const maxLine = 64 << 10

// screen is what a person sees of a conversation, or a program reads. Whatever others have sent is shown without what a terminal would obey.
type screen struct {
	mu         sync.Mutex // guards the writers
	out, notes io.Writer
	fit        func() // to the terminal's size, which may have changed; nil without one
	asJSON     bool
}

// say prints a message as one line: when, where, who, what.
func (s *screen) say(f *agentFrame) error {
	text := escapeJSON(string(f.Data))
	var plain string
	if json.Unmarshal(f.Data, &plain) == nil {
		text = oneLine(plain)
	}
	from := f.From
	if from == "" {
		from = "(server)"
	}
	return s.write(s.out, fmt.Sprintf("%s %s %s: %s", f.At.Local().Format(time.TimeOnly), oneLine(f.Channel), oneLine(from), text))
}

// frame prints what the server sent as one line of JSON.
func (s *screen) frame(raw []byte) error {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return nil // no JSON: nobody could read it
	}
	return s.write(s.out, escapeJSON(b.String()))
}

// note tells of the conversation itself.
func (s *screen) note(format string, args ...any) {
	_ = s.write(s.notes, "* "+oneLine(fmt.Sprintf(format, args...))) // where standard error is gone nobody looks on
}

func (s *screen) write(to io.Writer, line string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fit != nil {
		s.fit()
	}
	_, err := io.WriteString(to, line+"\n")
	return err
}

// keyboard is where lines come from.
type keyboard struct {
	app   *app
	lines *bufio.Scanner
	tty   *os.File // standard input, where that is a terminal; else nil
}

func (a *app) keyboard() *keyboard {
	k := &keyboard{app: a, lines: bufio.NewScanner(a.stdin)}
	k.lines.Buffer(nil, maxLine)
	if tty, ok := a.terminal(); ok {
		k.tty = tty
	}
	return k
}

// secret asks for a password or a code: hidden in a terminal, or by the next line of standard input where piped says that it stands there.
func (k *keyboard) secret(ctx context.Context, what string, piped bool) (client.Secret, error) {
	if !piped {
		if k.tty == nil {
			return "", usage("give it by --password-stdin, or run this in a terminal", "there is no terminal to ask for the %s", what)
		}
		text, err := k.app.askHidden(ctx, k.tty, strings.ToUpper(what[:1])+what[1:]+": ")
		return client.Secret(text), err
	}
	text, err := interruptible(ctx, k.scan)
	if err == nil && text == "" || errors.Is(err, io.EOF) {
		err = usage("write it to standard input as a line of its own", "standard input has no line with the %s", what)
	}
	return client.Secret(text), err
}

// scan is the next line of standard input.
func (k *keyboard) scan() (string, error) {
	if !k.lines.Scan() {
		return "", cmp.Or(k.lines.Err(), io.EOF)
	}
	return strings.TrimSuffix(k.lines.Text(), "\r"), nil
}

// open gives the screen, and the lines that are typed until ctx ends; their channel is closed at the end of input. restore gives the terminal back.
func (k *keyboard) open(ctx context.Context, asJSON bool) (lines <-chan string, s *screen, restore func(), err error) {
	s, next, restore := &screen{out: k.app.stdout, notes: k.app.stderr, asJSON: asJSON}, k.scan, func() {}
	if out, ok := k.app.stdout.(*os.File); ok && k.tty != nil && !asJSON && term.IsTerminal(int(out.Fd())) {
		if next, restore, err = s.take(k.tty, out); err != nil {
			return nil, nil, nil, fmt.Errorf("take the terminal: %w", err)
		}
	}
	typed := make(chan string)
	go func() { // may be left behind in a read: the process is about to exit
		defer close(typed)
		for {
			line, err := next()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					s.note("no more is read: %s", err)
				}
				return
			}
			select {
			case typed <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	return typed, s, restore, nil
}

// take makes a terminal keep what is being typed apart from what comes in. Its lines end at Ctrl-D and Ctrl-C.
func (s *screen) take(in, out *os.File) (next func() (string, error), restore func(), err error) {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, nil, err
	}
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, out}, "> ")
	s.out, s.notes = t, t
	s.fit = func() {
		if width, height, err := term.GetSize(int(out.Fd())); err == nil && width > 0 { // else it is taken for 80 columns
			_ = t.SetSize(width, height)
		}
	}
	s.fit()
	return t.ReadLine, func() {
		_, _ = io.WriteString(out, "\r\n") // below what is half typed
		_ = term.Restore(int(in.Fd()), before)
	}, nil
}
