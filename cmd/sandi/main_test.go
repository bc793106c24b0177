package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/server"
	"github.com/sandi-auth/sandi/internal/store"
)

var update = flag.Bool("update", false, "rewrite docs/cli.md")

// TestBinary builds the command and runs it as people do. It is built without
// the race detector, which looks at the tests of run.
// secure-defaults 2e, 2g, 2h: testdata/script/config.txtar.
func TestBinary(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	t.Run("signal", func(t *testing.T) {
		t.Parallel()
		testSignal(t, filepath.Join(dir, "sandi"))
	})
	// Each script is one topic with good and bad input.
	t.Run("scripts", func(t *testing.T) {
		t.Parallel()
		testscript.Run(t, testscript.Params{
			Dir: "testdata/script",
			Setup: func(env *testscript.Env) error {
				env.Setenv("PATH", dir+string(filepath.ListSeparator)+env.Getenv("PATH"))
				return nil
			},
			Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"code":   code,
				"events": events,
				"factor": factor,
				"guide":  guide,
				"kid":    kid,
				"live":   live,
				"mkdata": mkdata,
				"opens":  opens,
				"save":   save,
			},
			RequireExplicitExec: true,
			RequireUniqueNames:  true,
		})
	})
}

// code N COMMAND... runs a command that must exit with N, and whose errors
// are told in the house's form, without a stack.
func code(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	stderr := ts.ReadFile("stderr")
	for line := range strings.Lines(stderr) {
		if !strings.HasPrefix(line, "sandi: error: ") && !strings.HasPrefix(line, "sandi: warning: ") && !strings.HasPrefix(line, "hint: ") {
			ts.Fatalf("standard error has a line of another form: %q", line)
		}
	}
	if strings.Contains(stderr, "goroutine ") {
		ts.Fatalf("standard error shows a stack")
	}
}

// mkdata FOLDER [setting=value ...] makes the data of a server that was started once.
func mkdata(ts *testscript.TestScript, _ bool, args []string) {
	settings := map[string]string{"data": ts.MkAbs(args[0]), "listen.addr": "127.0.0.1:0", "admin.addr": ""}
	for _, s := range args[1:] {
		name, value, _ := strings.Cut(s, "=")
		settings[name] = value
	}
	cfg, err := config.Load("", nil, settings)
	ts.Check(err)
	s, err := server.New(context.Background(), server.Options{Config: cfg, Logger: slog.New(slog.DiscardHandler), Stdout: io.Discard})
	ts.Check(err)
	ts.Check(s.Close())
}

// events FOLDER FILE writes the audit log of a data folder into a file: action, subject, actor, detail.
func events(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	db, err := store.Open(ctx, store.Config{URL: "sqlite:" + ts.MkAbs(args[0]) + "/sandi.db", AccessLifetime: time.Minute, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	ts.Check(err)
	log, err := db.Events(ctx, 0, 1000)
	ts.Check(errors.Join(err, db.Close()))
	var b strings.Builder
	for _, e := range log {
		fmt.Fprint(&b, e.Action, " ", e.Subject, " ", e.From.Actor)
		for _, name := range slices.Sorted(maps.Keys(e.Detail)) {
			fmt.Fprint(&b, " ", name, "=", e.Detail[name])
		}
		b.WriteByte('\n')
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o600))
}

// guide FILE does what a guide says: it runs its sh blocks in their order, and adds its yaml blocks to sandi.yaml.
func guide(ts *testscript.TestScript, _ bool, args []string) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "guides", args[0]))
	ts.Check(err)
	for i, part := range strings.Split(string(text), "```") {
		language, block, _ := strings.Cut(part, "\n")
		switch {
		case i%2 == 0: // between blocks
		case language == "sh":
			ts.Check(ts.Exec("sh", "-ec", block))
		case language == "yaml":
			path := ts.MkAbs("sandi.yaml")
			ts.Check(os.WriteFile(path, append([]byte(ts.ReadFile(path)), block...), 0o600))
		}
	}
}

// kid NAME STATE sets a variable to the id of the key in that state, as key list printed it last.
func kid(ts *testscript.TestScript, _ bool, args []string) {
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if columns := strings.Fields(line); len(columns) > 2 && columns[2] == args[1] {
			ts.Setenv(args[0], columns[0])
			return
		}
	}
	ts.Fatalf("no key is %s", args[1])
}

// save NAME [FILE] sets a variable to the one line that was printed last, and
// writes it to a file.
func save(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.TrimSpace(ts.ReadFile("stdout"))
	ts.Setenv(args[0], text)
	if len(args) > 1 {
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text+"\n"), 0o600))
	}
}

// sandi runs the command in this process.
func sandi(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // a server that should have been refused
	defer cancel()
	var out, errs bytes.Buffer
	code = run(ctx, args, []string{"SANDI_ADMIN_ADDR="}, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s is not up to date; run go test ./cmd/sandi -update", path)
	}
}
