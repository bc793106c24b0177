package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// A fault of ours is one line, without a stack.
func TestPanicIsOneLine(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	code := run(t.Context(), []string{"version"}, nil, strings.NewReader(""), nil, &stderr)
	if code != exitFault || !strings.HasPrefix(stderr.String(), "sandi: error: internal fault: ") || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("exit code %d, standard error %q", code, stderr.String())
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestOutputCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"version"}, {"version", "--json"}, {"config", "print"}, {"config", "doc"}, {"key", "secret"}} {
		var stderr bytes.Buffer
		code := run(t.Context(), args, nil, strings.NewReader(""), brokenPipe{}, &stderr)
		if code != exitFault || !strings.Contains(stderr.String(), "broken pipe") {
			t.Errorf("%v: exit code %d, standard error %q", args, code, stderr.String())
		}
	}
}

func TestInputCannotBeRead(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"token", "decode"}, nil, iotest.ErrReader(errors.New("gone")), &stdout, &stderr)
	if code != exitFault || stderr.String() != "sandi: error: read standard input: gone\n" {
		t.Errorf("exit code %d, standard error %q", code, stderr.String())
	}
	code, _, text := sandi(t, strings.Repeat("a", maxInput+1), "token", "decode")
	if code != exitFault || !strings.Contains(text, "more than 1048576 bytes") {
		t.Errorf("too much input: exit code %d, standard error %q", code, text)
	}
}

// A signal ends a command that waits for input.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	if code := run(ctx, []string{"token", "decode"}, nil, r, &stdout, &stderr); code != exitFault || stderr.String() != "sandi: error: interrupted\n" {
		t.Errorf("exit code %d, standard error %q", code, stderr.String())
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "now", -500 * time.Millisecond: "now", time.Second: "in 1 second", -90 * time.Second: "90 seconds ago",
		15 * time.Minute: "in 15 minutes", -3 * time.Hour: "3 hours ago", 30 * 24 * time.Hour: "in 30 days",
	} {
		if got := distance(d); got != want {
			t.Errorf("distance(%v) = %q, want %q", d, got, want)
		}
	}
}

// Every command has help in words, an example, and --json where it prints something.
func TestEveryCommandIsDocumented(t *testing.T) {
	t.Parallel()
	noJSON := []string{"sandi serve", "sandi demo", "sandi gateway"}
	for _, c := range commands((&app{}).rootCommand()) {
		if strings.HasPrefix(c.CommandPath(), "sandi completion") {
			continue // cobra's own
		}
		if c.Short == "" || c.HasSubCommands() == (c.Example != "") && c.HasParent() && c.Name() != "lint" { // lint does something itself
			t.Errorf("%s: short %q, example %q", c.CommandPath(), c.Short, c.Example)
		}
		if c.HasSubCommands() || strings.Contains(strings.Join(noJSON, " "), c.CommandPath()) {
			continue
		}
		if c.Flags().Lookup("json") == nil {
			t.Errorf("%s has no --json", c.CommandPath())
		}
	}
}

func TestCLIDoc(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# Commands\n\nThis page is written by `go test ./cmd/sandi -update`.\n")
	for _, c := range commands((&app{}).rootCommand()) {
		text := c.Long
		if text == "" {
			text = c.Short + "."
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", c.CommandPath(), strings.TrimSpace(text))
		if c.Example != "" {
			fmt.Fprintf(&b, "\n```sh\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(c.Example, "  "), "\n  ", "\n"))
		}
		rows := ""
		for _, f := range describe(c).Flags {
			rows += fmt.Sprintf("| `%s` | %s |\n", strings.TrimSpace(f.Name+" "+f.Value), strings.ReplaceAll(f.Usage, "|", `\|`))
		}
		if rows != "" {
			fmt.Fprintf(&b, "\n`%s`\n\n| flag | meaning |\n|---|---|\n%s", c.UseLine(), rows)
		}
	}
	golden(t, "../../docs/cli.md", b.String())
}
