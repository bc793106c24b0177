package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/key"
)

func (a *app) keyCommand() *cobra.Command {
	return a.group(&cobra.Command{
		Use:   "key",
		Short: "List, rotate and revoke signing keys, and change the master key",
		Long: `Look after the signing keys of a server, in its data folder. A key is next
(published, not signing yet), active, retiring (its tokens are still accepted)
or gone. A running server follows within a second.`,
	}, a.keyListCommand(), a.keyRotateCommand(), a.keyRevokeCommand(), a.keyMasterCommand(), a.keySecretCommand())
}

func (a *app) keyListCommand() *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the signing keys, oldest first",
		Example: "  sandi key list --json",
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, _ []string) error {
		return a.withData(cmd, t, func(ctx context.Context, d *data) error {
			r, err := a.ring(ctx, d)
			if err != nil {
				return err
			}
			if asJSON {
				return a.json(append([]key.State{}, r.States()...))
			}
			rows := [][]string{{"KID", "ALG", "STATE", "SIGNS FROM", "RETIRES", "GONE"}}
			for _, s := range r.States() {
				rows = append(rows, []string{s.KID, string(s.Algorithm), string(s.State), stamp(s.ActivateAt), stamp(s.RetireAt), stamp(s.GoneAt)})
			}
			if len(rows) == 1 {
				return a.print("HS256: the one key is the secret in " + oneLine(d.cfg.Token.SecretFile) + "\n")
			}
			return a.table(rows)
		})
	})
}

func (a *app) keyRotateCommand() *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Make the next signing key",
		Long: `Make the next signing key, of the same algorithm as the newest one. It is
published at once and signs a few minutes later, when every verifier that
caches the key set has it; no token is refused meanwhile. Where a next key
already waits, that one is shown and the exit code is 1.`,
		Example: "  sandi key rotate\n  sandi key rotate --json",
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, _ []string) error {
		return a.withData(cmd, t, func(ctx context.Context, d *data) error {
			r, err := a.ring(ctx, d)
			if err != nil {
				return err
			}
			s, err := r.Rotate(ctx, fromCLI)
			if errors.Is(err, key.ErrPending) {
				err = fault("wait until it is active", "a next key already waits: %s signs from %s", s.KID, stamp(s.ActivateAt))
				if asJSON {
					err = errors.Join(a.json(s), err)
				}
				return err
			}
			if err != nil {
				return err
			}
			if asJSON {
				return a.json(s)
			}
			return a.print(fmt.Sprintf("%s (%s) signs from %s\n", s.KID, s.Algorithm, stamp(s.ActivateAt)))
		})
	})
}

func (a *app) keySecretCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "secret",
		Short: "Print a fresh random secret, good for HS256, HS384 and HS512",
		Example: `  (umask 077; sandi key secret > secret)
  sandi key secret --json`,
	}
	jsonFlag(c, &asJSON)
	return does(c, func(*cobra.Command, []string) error {
		secret := key.NewSecret()
		if asJSON {
			return a.json(struct {
				Secret string `json:"secret"`
			}{secret})
		}
		return a.print(secret + "\n")
	})
}
