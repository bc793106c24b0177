package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"unicode"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/problem"
)

// failure is an error with its exit code and what to do about it.
type failure struct {
	code          int
	message, hint string
}

func (f *failure) Error() string { return f.message }

// Hint says what to do.
func (f *failure) Hint() string { return f.hint }

// usage is a command line that is wrong.
func usage(hint, format string, args ...any) error {
	return &failure{exitUsage, fmt.Sprintf(format, args...), hint}
}

// fault is anything else that went wrong.
func fault(hint, format string, args ...any) error {
	return &failure{exitFault, fmt.Sprintf(format, args...), hint}
}

// findings ends a command whose output already says what was found.
type findings struct {
	code int
}

func (f *findings) Error() string { return "findings" }

// runError is what a command returned, as opposed to cobra.
type runError struct {
	cause error
}

func (e *runError) Error() string { return e.cause.Error() }
func (e *runError) Unwrap() error { return e.cause }

// report writes an error as "sandi: error: ..." and "hint: ...", and answers with the exit code.
func (a *app) report(err error) int {
	if err == nil {
		return exitOK
	}
	if f, ok := errors.AsType[*findings](err); ok {
		return f.code
	}
	if c, ok := errors.AsType[*config.Error](err); ok {
		for _, f := range c.Faults {
			a.complain(f.String(), f.Hint)
		}
		return exitUsage
	}
	code := exitUsage
	if _, ran := errors.AsType[*runError](err); ran {
		code = exitFault
	}
	if f, ok := errors.AsType[*failure](err); ok {
		code = f.code
	}
	a.complain(sentence(err), hint(err))
	return code
}

func (a *app) complain(message, hint string) {
	// Where standard error is gone too, the exit code is all that is left.
	_, _ = fmt.Fprintf(a.stderr, "sandi: error: %s\n", oneLine(message))
	if hint != "" {
		_, _ = fmt.Fprintf(a.stderr, "hint: %s\n", oneLine(hint))
	}
}

// warn tells of something that did not fail.
func (a *app) warn(message string) {
	_, _ = fmt.Fprintf(a.stderr, "sandi: warning: %s\n", oneLine(message))
}

// oneLine keeps what an error quotes from breaking out of its line.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, strings.TrimSpace(s))
}

// hint is what the error itself advises, or what its cause is known to want.
func hint(err error) string {
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		return h.Hint()
	}
	if p, ok := errors.AsType[*problem.Error](err); ok && p.Sentence == "user_not_found" {
		return "'sandi user list' shows them"
	}
	call, _ := errors.AsType[*os.SyscallError](err)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "another program listens there; stop it, or choose another port with --addr"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "check the address, and that the server runs"
	case call != nil && call.Syscall == "bind" && errors.Is(err, fs.ErrPermission):
		return "ports below 1024 may need a privilege; choose another with --addr"
	case errors.Is(err, fs.ErrPermission):
		return "run as the user who owns it, or give this user permission"
	case errors.Is(err, fs.ErrNotExist):
		return "check the name, and that its folder is there"
	case errors.Is(err, fs.ErrExist):
		return "choose another name"
	case errors.Is(err, syscall.EISDIR):
		return "name a file in it"
	}
	return ""
}

// sentences are the problems that a command line can meet, in words.
var sentences = map[string]string{
	"username_missing":    "the username is empty",
	"username_too_long":   "the username is longer than 64 characters",
	"username_characters": "the username has a character that none may have: no spaces, colons or control characters",
	"username_reserved":   "the username is reserved",
	"username_taken":      "the username is taken",
	"user_not_found":      "there is no such user",
	"no_factor":           "the user has no second factor",
	"role_invalid":        "a role is 1 to 64 visible ASCII characters",
	"password_too_short":  "the password is too short: at least {{.length}} characters",
	"password_too_long":   "the password is too long: at most {{.length}} bytes",
	"password_guessable":  "the password is too easy to guess",
}

// sentence is the error in words.
func sentence(err error) string {
	p, ok := errors.AsType[*problem.Error](err)
	if !ok {
		return err.Error()
	}
	for _, id := range []string{p.Sentence, p.Code} {
		if s, ok := sentences[id]; ok {
			return strings.ReplaceAll(s, "{{.length}}", p.Params["length"])
		}
	}
	return err.Error()
}
