package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/key"
)

// revokedKey is the JSON answer of key revoke.
type revokedKey struct {
	Revoked   key.State  `json:"revoked"`             // as it stood
	Successor *key.State `json:"successor,omitempty"` // where the key was the one that signs
}

func (a *app) keyRevokeCommand() *cobra.Command {
	var t target
	var reason string
	var yes, asJSON bool
	c := &cobra.Command{
		Use: "revoke KID", Args: oneKID,
		Short: "Drop a leaked signing key at once",
		Long: `Drop a signing key that has leaked. Every node drops it within a second: all
tokens that it signed are refused, and their holders refresh. Where it is the
key that signs, a new one takes its place at once. Verifiers elsewhere refuse
its tokens when they read the revocation feed or fetch the key set anew.

Where the master key or a node's memory may have leaked too, all keys have:
revoke each, and change the master key ('sandi key master').`,
		Example: `  sandi key revoke 3mCkO8Zg7aXoY5d0q2vVYt1JtQh4sB6nFwKxUeRzLpM --reason "laptop lost"
  sandi key revoke --yes --json "$KID"`,
	}
	t.flags(c)
	c.Flags().StringVar(&reason, "reason", "", "why, a `text` for the audit log")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, args []string) error {
		if len(reason) > maxReason {
			return usage("", "--reason is longer than %d bytes", maxReason)
		}
		return a.withData(cmd, t, func(ctx context.Context, d *data) error {
			r, err := a.ring(ctx, d)
			if err != nil {
				return err
			}
			if err := a.confirm(ctx, yes, revokeQuestion(r.States(), args[0])); err != nil {
				return err
			}
			dropped, successor, err := r.Revoke(ctx, args[0], oneLine(reason), fromCLI)
			if err != nil {
				return err
			}
			return a.printRevoked(dropped, successor, asJSON)
		})
	})
}

const maxReason = 500

func oneKID(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("'sandi key list' shows them", "%s needs one key id", cmd.CommandPath())
	}
	return nil
}

// revokeQuestion says what it would cost.
func revokeQuestion(states []key.State, kid string) string {
	for _, s := range states {
		if s.KID == kid && s.State == key.Next {
			return "Drop " + kid + ", which has signed nothing yet?"
		}
	}
	return "Drop " + oneLine(kid) + ", and refuse every token that it signed?"
}

func (a *app) printRevoked(dropped, successor key.State, asJSON bool) error {
	if asJSON {
		answer := revokedKey{Revoked: dropped}
		if successor.KID != "" {
			answer.Successor = &successor
		}
		return a.json(answer)
	}
	text := fmt.Sprintf("%s (%s, was %s) is revoked", dropped.KID, dropped.Algorithm, dropped.State)
	switch {
	case successor.KID != "":
		text += fmt.Sprintf("; %s signs from now on", successor.KID)
	case dropped.State == key.Next:
		text += "; it had signed nothing, and the key that signs goes on: 'sandi key rotate' makes another"
	default:
		text += "; the key that signs goes on"
	}
	return a.print(strings.TrimSpace(text) + "\n")
}
