package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/sandi-auth/sandi/internal/lint"
)

// lintFix mends files, each at once or not at all; one that cannot be mended stops none of the others.
func (a *app) lintFix(result *lint.Result) error {
	var failed error
	edits, files := 0, 0
	for _, c := range lint.Changes(result.Findings) {
		switch err := c.Write(); {
		case errors.Is(err, lint.ErrPacked):
			a.warn(err.Error())
		case err != nil:
			failed = errors.Join(failed, err)
		default:
			edits, files = edits+len(c.Edits), files+1
		}
	}
	if files > 0 {
		_, _ = fmt.Fprintf(a.stderr, "mended %s in %s\n", plural(edits, "value"), plural(files, "file"))
	}
	return failed
}

// lintFixInput prints standard input as it is mended, and reports to standard error what is left of it.
func (a *app) lintFixInput(ctx context.Context, stdin func() ([]byte, error), r *lint.Report, f lintFlags, s lint.Settings) error {
	text, err := stdin()
	if err != nil {
		return err
	}
	if changes := lint.Changes(r.Findings); len(changes) > 0 {
		text = changes[0].Text()
	}
	if _, err := a.stdout.Write(text); err != nil {
		return err
	}
	again := func() ([]byte, error) { return text, nil }
	if r.Result, err = a.lintRun(ctx, []string{"-"}, again, f, s); err != nil {
		return err
	}
	if err := a.lintWrite(r, f, a.stderr); err != nil {
		return err
	}
	return lintExit(r)
}

// lintDiff prints what --fix would do. On a terminal, what it would obey is not sent to it; elsewhere every byte is as it is, for git apply.
func (a *app) lintDiff(r *lint.Report, f lintFlags) error {
	var b bytes.Buffer
	for _, c := range lint.Changes(r.Findings) {
		b.Write(c.Diff())
	}
	text := b.String()
	if isTerminal(a.stdout) && f.out == "" {
		text = strings.Map(func(c rune) rune {
			if c == '\n' || c == '\t' || unicode.IsPrint(c) {
				return c
			}
			return '?'
		}, text)
	}
	if err := a.lintText(text, f.out); err != nil {
		return err
	}
	return lintExit(r)
}

// lintText writes a text to the file of -o, or prints it.
func (a *app) lintText(text, file string) error {
	if file == "" {
		_, err := io.WriteString(a.stdout, text)
		return err
	}
	return writeReport(file, []byte(text))
}
