package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sandi-auth/sandi/internal/account"
)

func (a *app) userExportCommand() *cobra.Command {
	var t target
	var out string
	var show, asJSON bool
	c := &cobra.Command{
		Use:   "export",
		Short: "Export all users with their password hashes",
		Long: `Export all users as JSON Lines, with their password hashes, as 'sandi user
import' reads them. A file is made 0600, and never written over. The export
stands in the audit log. Keep it as you keep the database, or delete it.`,
		Example: `  sandi user export --out users.jsonl
  sandi user export | age -r "$KEY" > users.jsonl.age`,
	}
	t.flags(c)
	c.Flags().StringVar(&out, "out", "", "write to this new `file` instead of standard output")
	c.Flags().BoolVar(&show, "show", false, "write to standard output even if it is a terminal")
	jsonFlag(c, &asJSON)
	c.Flags().Lookup("json").Usage = "with --out, print JSON"
	return does(c, func(cmd *cobra.Command, _ []string) error {
		if f, ok := a.stdout.(*os.File); ok && out == "" && !show && term.IsTerminal(int(f.Fd())) {
			return usage("name a file with --out, or say --show", "password hashes are not shown in a terminal")
		}
		return a.withAccounts(cmd, t, func(ctx context.Context, accounts *account.Service) error {
			if out == "" {
				_, err := exportTo(ctx, a.stdout, accounts)
				return err
			}
			n, err := exportFile(ctx, out, accounts)
			if err != nil {
				return err
			}
			if asJSON {
				return a.json(map[string]any{"users": n, "file": out})
			}
			return a.print(fmt.Sprintf("exported %s to %s\n", plural(n, "user"), oneLine(out)))
		})
	})
}

// exportFile writes a file that was not there. What is left of a failure is removed.
func exportFile(ctx context.Context, name string, accounts *account.Service) (n int, err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	n, err = exportTo(ctx, f, accounts)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, errors.Join(err, os.Remove(name))
	}
	return n, nil
}

func exportTo(ctx context.Context, w io.Writer, accounts *account.Service) (int, error) {
	buffered := bufio.NewWriter(w)
	n, err := accounts.Export(ctx, func(u account.User) error {
		text, err := json.Marshal(recordOf(u))
		if err != nil {
			return err
		}
		_, err = buffered.WriteString(escapeJSON(string(text)) + "\n")
		return err
	}, fromCLI)
	return n, errors.Join(err, buffered.Flush())
}
