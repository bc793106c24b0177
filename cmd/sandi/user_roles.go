package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/account"
)

func (a *app) userRolesCommand() *cobra.Command {
	var t target
	var roles []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "roles USERNAME",
		Short: "Show or set the roles of a user",
		Long: `Show the roles of a user, or set them. Setting replaces all of them. Access
tokens issued until then are refused within a second, since they say the old
roles; sessions stay, and their next refresh has the new ones.`,
		Example: `  sandi user roles siti
  sandi user roles siti --set manager,auditor
  sandi user roles siti --set ''`,
		Args: oneUser,
	}
	t.flags(c)
	c.Flags().StringSliceVar(&roles, "set", nil, "the new `roles`, separated by commas; empty for none")
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, args []string) error {
		return a.withAccounts(cmd, t, func(ctx context.Context, accounts *account.Service) error {
			if cmd.Flags().Changed("set") {
				if err := a.setRoles(ctx, accounts, args[0], roles); err != nil {
					return err
				}
			}
			u, err := findUser(ctx, accounts, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return a.json(viewUser(u))
			}
			return a.table([][]string{{"USERNAME", "ROLES"}, {u.Username, strings.Join(u.Roles, ",")}})
		})
	})
}

// setRoles warns of the last administrator: without one nobody looks after users but by this command.
func (a *app) setRoles(ctx context.Context, accounts *account.Service, username string, roles []string) error {
	had, err := accounts.HasAdmin(ctx)
	if err != nil {
		return err
	}
	if err := accounts.SetRoles(ctx, username, roles, fromCLI); err != nil {
		return err
	}
	has, err := accounts.HasAdmin(ctx)
	if err == nil && had && !has {
		a.warn("there is no administrator any more: make one with 'sandi user roles USERNAME --set " + account.AdminRole + "'")
	}
	return err
}
