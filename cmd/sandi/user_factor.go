package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/account"
)

func (a *app) userFactorResetCommand() *cobra.Command {
	var t target
	var yes, asJSON bool
	c := &cobra.Command{
		Use:   "factor-reset USERNAME",
		Short: "Remove the second factor of a user who has lost it",
		Long: `Remove the second factor and the recovery codes of a user who has lost both. The
password alone then signs in, so make sure first that it is the user who asks.
Sessions stay. It stands in the audit log.`,
		Example: "  sandi user factor-reset siti",
		Args:    oneUser,
	}
	t.flags(c)
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, args []string) error {
		return a.withAccounts(cmd, t, func(ctx context.Context, accounts *account.Service) error {
			if _, err := findUser(ctx, accounts, args[0]); err != nil {
				return err // before anybody is asked
			}
			if err := a.confirm(ctx, yes, "Did you make sure that it is "+oneLine(args[0])+" who asks?"); err != nil {
				return err
			}
			if err := accounts.ResetFactor(ctx, args[0], fromCLI); err != nil {
				return err
			}
			return a.printUser(ctx, accounts, args[0], "removed the second factor of", asJSON)
		})
	})
}
