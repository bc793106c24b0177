package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/jwt"
)

func (a *app) tokenCommand() *cobra.Command {
	return a.group(&cobra.Command{
		Use:   "token",
		Short: "Decode, verify and sign tokens",
		Long: `Look into tokens, verify them, and sign some for tests. A token is read from
standard input or a file, never from the command line, where ps and the shell
history would show it.`,
	}, a.tokenDecodeCommand(), a.tokenVerifyCommand(), a.tokenSignCommand())
}

// noToken refuses a token as an argument, and does not repeat it.
func noToken(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("pipe it in, or name a file with --file: as an argument, ps and the shell history show it",
			"%s takes no arguments: a token is read from standard input", cmd.CommandPath())
	}
	return nil
}

// readToken reads one token, with or without "Bearer" before it, as it stands in a header.
func (a *app) readToken(ctx context.Context, file string) (string, error) {
	text, err := a.readAll(ctx, file, "Paste the token")
	if err != nil {
		return "", err
	}
	fields := strings.Fields(string(text))
	if len(fields) == 2 && strings.EqualFold(fields[0], "Bearer") {
		fields = fields[1:]
	}
	switch len(fields) {
	case 0:
		return "", usage("pipe it in, or name a file with --file", "there is no token on the input")
	case 1:
		return fields[0], nil
	}
	return "", usage("write the token alone", "the input has %d words, a token is one", len(fields))
}

// reasons are the stable names of what can be wrong with a token, those of the HTTP answers.
var reasons = []struct {
	err    error
	reason string
}{
	{jwt.ErrExpired, "token_expired"},
	{jwt.ErrNotYetValid, "token_not_yet_valid"},
	{jwt.ErrType, "token_wrong_type"},
	{errRevoked, "token_revoked"},
}

// errRevoked is a genuine token that was revoked since.
var errRevoked = errors.New("token was revoked")

func reasonOf(err error) string {
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return r.reason
		}
	}
	return "token_invalid"
}
