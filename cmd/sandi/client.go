package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/server"
)

func (a *app) clientCommand() *cobra.Command {
	return a.group(&cobra.Command{
		Use:   "client",
		Short: "Add, list, show, change and remove OAuth clients, and replace their secrets",
		Long: `Look after the OAuth clients of a server, in its data folder. Clients may also
stand in the configuration file (oauth.clients); those are listed and shown here, and
changed there. A running server follows within a second.`,
	}, a.clientAddCommand(), a.clientListCommand(), a.clientShowCommand(), a.clientChangeCommand(), a.clientSecretCommand(), a.clientRemoveCommand())
}

// oneClient wants exactly one client id. A second argument is not shown: it may be a secret.
func oneClient(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("run '"+cmd.CommandPath()+" --help'", "%s takes one client id, and was given %d arguments", cmd.CommandPath(), len(args))
	}
	return nil
}

// clients are those of the configuration, whose files are not opened, and of the store.
func (d *data) clients() (*oauth.Clients, error) {
	return oauth.NewClients(oauth.ClientsConfig{Store: d.db, Configured: server.ConfiguredClients(d.cfg), Now: time.Now})
}

// storedClient is one that can be changed here.
func (d *data) storedClient(ctx context.Context, id string) (oauth.Client, error) {
	known, err := d.clients()
	if err != nil {
		return oauth.Client{}, err
	}
	if known.IsConfigured(id) {
		return oauth.Client{}, fault("change it under oauth.clients, and restart the server", "%s is in the configuration file", id)
	}
	c, err := d.db.Client(ctx, id)
	return c, clientError(id, err)
}

// clientError says in words what the store or the check of a client says.
func clientError(id string, err error) error {
	wrong, invalid := errors.AsType[*oauth.InvalidClient](err)
	switch {
	case errors.Is(err, oauth.ErrNoClient):
		return fault("'sandi client list' shows them", "there is no client %s", id)
	case errors.Is(err, oauth.ErrClientTaken):
		return fault("choose another", "the id %s is taken, by a client or as the name of a user", id)
	case errors.Is(err, oauth.ErrChanged):
		return fault("run the command again", "%s was changed at the same time", id)
	case invalid:
		var hints []string
		for _, f := range wrong.Faults {
			if f.Hint != "" {
				hints = append(hints, f.Hint)
			}
		}
		return usage(strings.Join(hints, "; "), "the client cannot be: %s", wrong)
	}
	return err
}

func (a *app) clientListCommand() *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List all clients, those of the configuration file included",
		Long: `List all clients, those of the configuration file included. Options that loosen a
safe default are warned of.`,
		Example: "  sandi client list --json | jq -r '.[] | select(.insecure != []) | .client_id'",
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, _ []string) error {
		return a.withData(cmd, t, func(ctx context.Context, d *data) error {
			known, err := d.clients()
			if err != nil {
				return err
			}
			all, err := known.List(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				views := []clientView{}
				for _, one := range all {
					views = append(views, viewClient(one))
				}
				return a.json(views)
			}
			rows := [][]string{{"CLIENT", "NAME", "AUTH", "GRANTS", "FROM"}}
			for _, one := range all {
				rows = append(rows, []string{one.ID, one.Name, one.AuthMethod, strings.Join(grantWords(one), ","), one.Origin})
				a.warnClient(one)
			}
			return a.table(rows)
		})
	})
}

// warnClient warns of the Insecure options of a client.
func (a *app) warnClient(c oauth.Client) {
	for _, option := range c.Insecure() {
		a.warn(c.ID + " loosens a safe default: " + option)
	}
}

func (a *app) clientShowCommand() *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:     "show CLIENT",
		Short:   "Show a client",
		Example: "  sandi client show portal",
		Args:    oneClient,
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, args []string) error {
		return a.withData(cmd, t, func(ctx context.Context, d *data) error {
			known, err := d.clients()
			if err != nil {
				return err
			}
			one, err := known.Client(ctx, args[0])
			if err != nil {
				return clientError(args[0], err)
			}
			if asJSON {
				return a.json(viewClient(one))
			}
			a.warnClient(one)
			return a.table(clientRows(one))
		})
	})
}

func (a *app) clientRemoveCommand() *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:   "remove CLIENT",
		Short: "Remove a client: its sessions end, its live tokens are refused",
		Long: `Remove a client. Its sessions end, what users allowed it is forgotten, and its
live tokens are refused within a second.`,
		Example: "  sandi client remove portal",
		Args:    oneClient,
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, args []string) error {
		return a.withData(cmd, t, func(ctx context.Context, d *data) error {
			one, err := d.storedClient(ctx, args[0])
			if err != nil {
				return err
			}
			if err := d.db.RemoveClient(ctx, one.ID, clientEvent(audit.ClientRemoved, one, "")); err != nil {
				return clientError(one.ID, err)
			}
			if asJSON {
				return a.json(viewClient(one))
			}
			return a.print(fmt.Sprintf("removed %s\n", one.ID))
		})
	})
}

// clientEvent is the audit event of a change; what says what was changed.
func clientEvent(action audit.Action, c oauth.Client, what string) audit.Event {
	detail := map[string]string{"client_id": c.ID, "origin": c.Origin}
	if what != "" {
		detail["what"] = what
	}
	return audit.Event{Action: action, From: fromCLI, Detail: detail}
}
