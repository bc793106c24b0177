package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sandi-auth/sandi/internal/lint"
)

func (a *app) lintCommand() *cobra.Command {
	var f lintFlags
	c := &cobra.Command{
		Use:   "lint [PATH]...",
		Short: "Find dangerous token lifetimes in configuration",
		Long: `Find dangerous token lifetimes, and what goes with them, in the configuration of
other products and of Sandi: Apigee, Keycloak, Ory Hydra, Supabase, Amazon Cognito,
Auth0, Okta, JWT code in Python and JavaScript. Give files, folders, Apigee bundles
(.zip), or - for standard input; without a path it is the working folder. What a
file is follows from what is in it; files that are none of these are skipped.
Nothing is sent anywhere.

Settings of a project stand in .sandi-lint.yaml, looked for from the first path
upwards to the root of its repository. A comment "sandi:ignore SND101
reason="..." until=2027-01-31" on a line or above it suppresses a rule there.

Exit codes: 0 nothing found at --fail-on or above, 1 something found, 2 the
command line or the settings are wrong, or a file could not be read (SND901;
with --fail-on never it is 0 all the same).`,
		Example: `  sandi lint
  sandi lint apiproxy/ realm.json bundle.zip --fail-on warning
  sandi lint --diff .
  sandi lint --fix .
  sandi lint --format sarif -o sandi.sarif --fail-on never .
  kubectl get cm hydra -o jsonpath='{.data.hydra\.yaml}' | sandi lint --as hydra -
  sandi lint rules SND101
  sandi lint ./rules`,
		Args: cobra.ArbitraryArgs,
	}
	f.add(c)
	does(c, func(cmd *cobra.Command, args []string) error { return a.lint(cmd, args, f) })
	c.AddCommand(a.lintRulesCommand(), a.lintForecastCommand())
	return c
}

// lint reads, judges, mends and reports.
func (a *app) lint(c *cobra.Command, paths []string, f lintFlags) error {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	if err := f.check(paths); err != nil {
		return err
	}
	settings, err := f.settings(c, paths[0])
	if err != nil {
		return err
	}
	stdin := newOnce(func() ([]byte, error) { return a.lintInput(c.Context()) })
	result, err := a.lintRun(c.Context(), paths, stdin, f, settings)
	if err != nil {
		return err
	}
	report := &lint.Report{Result: result, Version: thisBuild().Version, Profile: settings.Thresholds.Profile, Settings: shortPath(settings.File), FailOn: settings.FailOn}
	switch {
	case f.diff:
		return a.lintDiff(report, f)
	case f.fix && slices.Contains(paths, "-"):
		return a.lintFixInput(c.Context(), stdin, report, f, settings)
	case f.fix:
		if err := a.lintFix(result); err != nil {
			return err
		}
		if report.Result, err = a.lintRun(c.Context(), paths, stdin, f, settings); err != nil {
			return err
		}
	}
	if err := a.lintWrite(report, f, a.stdout); err != nil {
		return err
	}
	return lintExit(report)
}

// lintExit is the exit code.
func lintExit(r *lint.Report) error {
	switch {
	case r.FailOn == 0:
		return nil
	case r.Unreadable():
		return &findings{exitUsage}
	case r.Failed():
		return &findings{exitFault}
	}
	return nil
}

// lintRun is one run of the linter, with a bar where a person waits.
func (a *app) lintRun(ctx context.Context, paths []string, stdin func() ([]byte, error), f lintFlags, s lint.Settings) (*lint.Result, error) {
	options := lint.Options{Thresholds: s.Thresholds, Format: f.as, Only: s.Only, Ignore: f.ignore, Ignores: s.Ignores, Now: a.now}
	var bar *progressbar.ProgressBar
	if a.terminalErr() {
		options.Progress = func(done, all int) { bar = a.step(bar, "reading files", done, all) }
	}
	result, err := lint.Run(ctx, paths, stdin, options)
	if bar != nil {
		_ = bar.Clear()
	}
	switch {
	case errors.Is(err, context.Canceled):
		return nil, errInterrupted
	case err != nil:
		return nil, usage(lintHelp, "%s", err)
	}
	a.lintUnknown(result)
	return result, nil
}

// lintUnknown tells of files that were given by name and are nobody's. A hook is given all files, and says nothing of those.
func (a *app) lintUnknown(r *lint.Result) {
	if len(r.Unknown) == 0 || a.env("PRE_COMMIT") != "" {
		return
	}
	names := strings.Join(r.Unknown[:min(len(r.Unknown), 3)], ", ")
	if more := len(r.Unknown) - 3; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	a.warn(names + ": no format that sandi lint knows, so not judged; --as says what it is")
}

// lintWrite writes the report where it is wanted: to out, or to the file of -o.
func (a *app) lintWrite(r *lint.Report, f lintFlags, out io.Writer) error {
	if f.out == "" && f.format == "text" {
		r.Color = !f.noColor && a.env("NO_COLOR") == "" && a.env("TERM") != "dumb" && isTerminal(out)
		r.Width = columnsOf(out)
	}
	r.Root, r.Folder = checkout()
	var b bytes.Buffer
	if err := r.Write(&b, f.format); err != nil {
		return err
	}
	text := b.Bytes()
	if f.format == "json" || f.format == "sarif" {
		text = []byte(escapeJSON(b.String()))
	}
	if f.out != "" {
		return writeReport(f.out, text)
	}
	_, err := out.Write(text)
	return err
}

// writeReport writes a file that others may read: a report holds no secret, and CI passes it on.
func writeReport(file string, text []byte) error {
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// lintInput reads standard input to just beyond what the linter takes.
func (a *app) lintInput(ctx context.Context) ([]byte, error) {
	if _, ok := a.terminal(); ok {
		_, _ = fmt.Fprintln(a.stderr, "Paste the configuration, then press Enter and Ctrl-D:")
	}
	return interruptible(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(a.stdin, lint.MaxFile+1)) })
}

// newOnce is a read whose answer is kept: what came from standard input is needed again to mend it.
func newOnce(read func() ([]byte, error)) func() ([]byte, error) {
	var text []byte
	var err error
	done := false
	return func() ([]byte, error) {
		if !done {
			text, err = read()
			done = true
		}
		return text, err
	}
}

// env is a variable of the environment.
func (a *app) env(name string) string {
	for _, pair := range slices.Backward(a.environ) {
		if key, value, _ := strings.Cut(pair, "="); key == name {
			return value
		}
	}
	return ""
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// columnsOf are those of a terminal; 0 for none.
func columnsOf(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// checkout is the root of the repository that the working folder stands in (itself where there is none), and the working folder.
func checkout() (root, here string) {
	here, err := os.Getwd()
	if err != nil {
		return "", ""
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return filepath.ToSlash(dir), filepath.ToSlash(here)
		}
		if dir == filepath.Dir(dir) {
			return filepath.ToSlash(here), filepath.ToSlash(here)
		}
	}
}

// shortPath is a path from the working folder, where that is shorter.
func shortPath(path string) string {
	if path == "" {
		return ""
	}
	here, _ := os.Getwd()
	below, err := filepath.Rel(here, path)
	if err != nil || len(below) > len(path) {
		below = path
	}
	return filepath.ToSlash(cmp.Or(below, path))
}
