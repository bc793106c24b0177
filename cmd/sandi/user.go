package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/account"
)

func (a *app) userCommand() *cobra.Command {
	return a.group(&cobra.Command{
		Use:   "user",
		Short: "Add, list, import, export, disable and enable users, set passwords and roles",
		Long: `Look after the users of a server, in its data folder. A running server follows
within a second: who is disabled can neither refresh nor use a live token.`,
	}, a.userAddCommand(), a.userListCommand(), a.userDisableCommand(true), a.userDisableCommand(false), a.userPasswordCommand(),
		a.userRolesCommand(), a.userFactorResetCommand(), a.userImportCommand(), a.userExportCommand())
}

// userView is a user as the command prints it.
type userView struct {
	Username          string    `json:"username"`
	Subject           string    `json:"subject"` // the sub of the user's tokens
	Roles             []string  `json:"roles"`
	Disabled          bool      `json:"disabled"`
	CreatedAt         time.Time `json:"created_at"`
	PasswordChangedAt time.Time `json:"password_changed_at"`
}

func viewUser(u account.User) userView {
	return userView{
		Username: u.Username, Subject: u.Subject, Roles: append([]string{}, u.Roles...), Disabled: u.Disabled,
		CreatedAt: u.CreatedAt, PasswordChangedAt: u.PasswordChangedAt,
	}
}

// oneUser wants exactly one username. A second argument is not shown: it may be a password.
func oneUser(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usage("run '"+cmd.CommandPath()+" --help'", "%s needs a username", cmd.CommandPath())
	case len(args) > 1:
		return usage(secretHint, "%s takes one username, and was given %d arguments", cmd.CommandPath(), len(args))
	}
	return nil
}

// withAccounts is withData for commands that work on users.
func (a *app) withAccounts(c *cobra.Command, t target, do func(context.Context, *account.Service) error) error {
	return a.withData(c, t, func(ctx context.Context, d *data) error {
		accounts, err := a.accounts(d)
		if err != nil {
			return err
		}
		return do(ctx, accounts)
	})
}

func (a *app) userAddCommand() *cobra.Command {
	var t target
	var roles []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "add USERNAME",
		Short: "Add a user",
		Long: `Add a user. The password is asked for twice, or read as one line from standard
input; it is never an argument.`,
		Example: `  sandi user add siti --role manager --role auditor
  pass show siti | sandi user add siti --data /var/lib/sandi --json`,
		Args: oneUser,
	}
	t.flags(c)
	c.Flags().StringArrayVar(&roles, "role", nil, "give the user this `role`; may be repeated")
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, args []string) error {
		return a.withAccounts(cmd, t, func(ctx context.Context, accounts *account.Service) error {
			if _, err := accounts.Normalise(args[0]); err != nil {
				return err // before a password is asked for
			}
			password, err := a.newPassword(ctx, args[0])
			if err != nil {
				return err
			}
			u, err := accounts.Add(ctx, account.NewUser{Username: args[0], Password: password, Roles: roles}, fromCLI)
			if err != nil {
				return err
			}
			if asJSON {
				return a.json(viewUser(u))
			}
			return a.print(fmt.Sprintf("added %s\n", oneLine(u.Username)))
		})
	})
}

func (a *app) userListCommand() *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List all users",
		Example: "  sandi user list --json | jq -r '.[] | select(.disabled) | .username'",
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, _ []string) error {
		return a.withAccounts(cmd, t, func(ctx context.Context, accounts *account.Service) error {
			users, err := allUsers(ctx, accounts)
			if err != nil {
				return err
			}
			if asJSON {
				return a.json(users)
			}
			rows := [][]string{{"USERNAME", "ROLES", "STATE", "CREATED", "PASSWORD CHANGED"}}
			for _, u := range users {
				state := "enabled"
				if u.Disabled {
					state = "disabled"
				}
				rows = append(rows, []string{u.Username, strings.Join(u.Roles, ","), state, stamp(u.CreatedAt), stamp(u.PasswordChangedAt)})
			}
			return a.table(rows)
		})
	})
}

// allUsers pages through the store.
func allUsers(ctx context.Context, accounts *account.Service) ([]userView, error) {
	const page = 500
	all := []userView{}
	for after := ""; ; {
		users, err := accounts.List(ctx, after, page)
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			all = append(all, viewUser(u))
			after = u.Subject
		}
		if len(users) < page {
			return all, nil
		}
	}
}

func (a *app) userDisableCommand(disabled bool) *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:   "enable USERNAME",
		Short: "Let a disabled user log in again",
		Args:  oneUser,
	}
	done := "enabled"
	if disabled {
		c.Use, c.Short, done = "disable USERNAME", "Disable a user: every session ends, live tokens are refused", "disabled"
	}
	c.Example = "  sandi user " + strings.ToLower(strings.Fields(c.Use)[0]) + " siti"
	t.flags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, args []string) error {
		return a.withAccounts(cmd, t, func(ctx context.Context, accounts *account.Service) error {
			if err := accounts.SetDisabled(ctx, args[0], disabled, fromCLI); err != nil {
				return err
			}
			return a.printUser(ctx, accounts, args[0], done, asJSON)
		})
	})
}

func (a *app) userPasswordCommand() *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:   "passwd USERNAME",
		Short: "Set a user's password; every session of the user ends",
		Long: `Set a user's password. It is asked for twice, or read as one line from standard
input; it is never an argument. Every session of the user ends.`,
		Example: `  sandi user passwd siti
  openssl rand -base64 18 | tee /dev/tty | sandi user passwd siti`,
		Args: oneUser,
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, args []string) error {
		return a.withAccounts(cmd, t, func(ctx context.Context, accounts *account.Service) error {
			if _, err := findUser(ctx, accounts, args[0]); err != nil {
				return err // before a password is asked for
			}
			password, err := a.newPassword(ctx, args[0])
			if err != nil {
				return err
			}
			if err := accounts.SetPassword(ctx, args[0], password, fromCLI); err != nil {
				return err
			}
			return a.printUser(ctx, accounts, args[0], "password set for", asJSON)
		})
	})
}

// printUser says what was done to a user, or prints it as it now is.
func (a *app) printUser(ctx context.Context, accounts *account.Service, username, done string, asJSON bool) error {
	u, err := findUser(ctx, accounts, username)
	if err != nil {
		return err
	}
	if asJSON {
		return a.json(viewUser(u))
	}
	return a.print(fmt.Sprintf("%s %s\n", done, oneLine(u.Username)))
}

func findUser(ctx context.Context, accounts *account.Service, username string) (account.User, error) {
	subject, err := accounts.Normalise(username)
	if err != nil {
		return account.User{}, err
	}
	return accounts.User(ctx, subject)
}
