package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/server"
)

func (a *app) clientAddCommand() *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:   "add CLIENT",
		Short: "Add a client",
		Long: `Add an OAuth client by its id. A client that authenticates by a secret gets one: it
is shown once, or written to --secret-file, and kept as a hash. Libraries differ in how
they send it: most use client_secret_basic, some (openid-client) client_secret_post
unless they are told otherwise; --auth says which.`,
		Example: `  sandi client add portal --redirect https://app.example.com/callback --scope openid --scope profile
  sandi client add spa --public --redirect https://spa.example.com/ --scope openid
  sandi client add tool --public --native --redirect http://127.0.0.1/callback --scope openid
  sandi client add nightly --grant client_credentials --role reports --secret-file nightly.secret`,
		Args: oneClient,
	}
	t.flags(c)
	clientFlags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, args []string) error {
		return a.withData(cmd, t, func(ctx context.Context, d *data) error {
			now := a.now().UTC()
			one := oauth.Client{ID: args[0], Origin: oauth.FromCommand, AuthMethod: oauth.AuthBasic, CreatedAt: now, UpdatedAt: now}
			known, err := d.clients()
			if err != nil {
				return err
			}
			if known.IsConfigured(one.ID) {
				return clientError(one.ID, oauth.ErrClientTaken)
			}
			if err := setClient(cmd, &one); err != nil {
				return err
			}
			return a.keep(cmd, d, one, change{done: "added", asJSON: asJSON, write: func(c oauth.Client) error {
				return d.db.AddClient(ctx, c, clientEvent(audit.ClientAdded, c, ""))
			}})
		})
	})
}

func (a *app) clientChangeCommand() *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:   "change CLIENT",
		Short: "Change a client",
		Long: `Change a client: only what a flag is given for. A list is replaced as a whole, and
cleared by an empty value. What was granted already lives on, by the rules that hold
when it is refreshed.`,
		Example: `  sandi client change portal --redirect https://app.example.com/callback --redirect https://app.example.net/callback
  sandi client change portal --access 5m --skip-consent=false --role ''`,
		Args: oneClient,
	}
	t.flags(c)
	clientFlags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, args []string) error {
		if !changesClient(cmd) {
			return usage("run 'sandi client change --help'", "no flag says what to change")
		}
		return a.withData(cmd, t, func(ctx context.Context, d *data) error {
			one, err := d.storedClient(ctx, args[0])
			if err != nil {
				return err
			}
			one.UpdatedAt = a.now().UTC()
			if err := setClient(cmd, &one); err != nil {
				return err
			}
			return a.keep(cmd, d, one, change{done: "changed", asJSON: asJSON, write: func(c oauth.Client) error {
				return d.db.ChangeClient(ctx, c, clientEvent(audit.ClientChanged, c, "settings"))
			}})
		})
	})
}

func (a *app) clientSecretCommand() *cobra.Command {
	var t target
	var overlap string
	var asJSON bool
	c := &cobra.Command{
		Use:   "rotate-secret CLIENT",
		Short: "Give a client a new secret; the old one counts for a while longer",
		Long: `Give a client a new secret, which is shown once, or written to --secret-file. The
old one counts for --overlap longer, so that the client can be told in between; a
leaked one is replaced with --overlap 0s.`,
		Example: `  sandi client rotate-secret portal
  sandi client rotate-secret portal --overlap 0s --secret-file portal.secret`,
		Args: oneClient,
	}
	t.flags(c)
	c.Flags().StringVar(&overlap, "overlap", "24h", "how `long` the old secret counts")
	c.Flags().String("secret-file", "", "write the secret to this new `file`, mode 0600, instead of standard output")
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, args []string) error {
		return a.withData(cmd, t, func(ctx context.Context, d *data) error {
			while, err := config.ParseDuration(overlap)
			if err != nil {
				return usage("such as 24h, or 0s", "--overlap %q %s", overlap, err)
			}
			one, err := d.storedClient(ctx, args[0])
			if err != nil {
				return err
			}
			if len(one.Secrets) == 0 {
				return fault("'sandi client change' with --auth client_secret_basic gives it one", "%s authenticates by %s, and has no secret", one.ID, one.AuthMethod)
			}
			one.UpdatedAt = a.now().UTC()
			one.Secrets = expiring(one.Secrets, one.UpdatedAt, while)
			return a.keep(cmd, d, one, change{done: "new secret for", asJSON: asJSON, fresh: true, write: func(c oauth.Client) error {
				return d.db.ChangeClient(ctx, c, clientEvent(audit.ClientChanged, c, "secret"))
			}})
		})
	})
}

// expiring is the newest secret alone, which ends after a while if it does not before; none where that is at once.
func expiring(secrets []oauth.Secret, now time.Time, while time.Duration) []oauth.Secret {
	old := secrets[len(secrets)-1]
	if end := now.Add(while); old.ExpiresAt.IsZero() || end.Before(old.ExpiresAt) {
		old.ExpiresAt = end
	}
	if !old.Alive(now) {
		return nil
	}
	return []oauth.Secret{old}
}

// change is how a client is kept, and told of.
type change struct {
	done   string
	asJSON bool
	fresh  bool // a new secret, beside those that there are
	write  func(oauth.Client) error
}

// keep checks a client, gives it the secret that it needs, writes it, and prints it. Where a secret cannot be written to its file nothing is changed.
func (a *app) keep(cmd *cobra.Command, d *data, c oauth.Client, ch change) error {
	plain := ""
	switch secret := c.AuthMethod == oauth.AuthBasic || c.AuthMethod == oauth.AuthPost; {
	case !secret:
		c.Secrets = nil
	case len(c.Secrets) == 0 || ch.fresh:
		var s oauth.Secret
		plain, s = oauth.NewSecret(c.UpdatedAt, time.Time{})
		c.Secrets = append(c.Secrets, s)
	}
	if err := oauth.Validate(c, server.OAuthPolicy(d.cfg)); err != nil {
		return clientError(c.ID, err)
	}
	path, _ := cmd.Flags().GetString("secret-file")
	if path != "" && plain == "" {
		return usage("leave --secret-file out", "no secret is made: nothing would be in the file")
	}
	if path != "" {
		if err := writeSecret(path, plain); err != nil {
			return err
		}
	}
	if err := ch.write(c); err != nil {
		if path != "" {
			err = errors.Join(err, os.Remove(path))
		}
		return clientError(c.ID, err)
	}
	a.warnClient(c)
	return a.printClient(c, plain, path, ch)
}

func (a *app) printClient(c oauth.Client, plain, path string, ch change) error {
	if path != "" {
		plain = ""
	}
	if ch.asJSON {
		v := viewClient(c)
		v.Secret = plain
		return a.json(v)
	}
	text := fmt.Sprintf("%s %s\n", ch.done, c.ID)
	switch {
	case plain != "":
		text += plain + "\n"
	case path != "":
		text += "its secret is in " + oneLine(path) + "\n"
	}
	return a.print(text)
}

// writeSecret makes a file that only its owner reads; one that is there is not touched.
func writeSecret(path, plain string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fault("name a new file", "%s is there already", path)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(plain + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}
