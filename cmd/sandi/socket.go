package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/realtime"
)

func (a *app) socketCommand() *cobra.Command {
	return a.group(&cobra.Command{
		Use:   "socket",
		Short: "List the live sockets of all nodes, and close one",
		Long: `See who is connected to the server's live sockets, over all nodes, and close a
connection. Its client may come back: what keeps it out is the end of its session or of
its user.`,
	}, a.socketListCommand(), a.socketCloseCommand())
}

// socketPage is how many sockets are read at once.
const socketPage = 1000

func (a *app) socketListCommand() *cobra.Command {
	var t target
	var subject string
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the live sockets",
		Long:    `List the sockets that are live, on whichever node, as the nodes last wrote it down.`,
		Example: "  sandi socket list --user siti\n  sandi socket list --json | jq -r '.[].sub' | sort | uniq -c",
	}
	t.flags(c)
	c.Flags().StringVar(&subject, "user", "", "only those of this `subject`, a user or a client")
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, _ []string) error {
		return a.withData(cmd, t, func(ctx context.Context, d *data) error {
			list, err := d.sockets(ctx, subject)
			if err != nil {
				return err
			}
			if asJSON {
				return a.json(list)
			}
			rows := [][]string{{"SOCKET", "SUBJECT", "CLIENT", "TRANSPORT", "ADDRESS", "CONNECTED", "EXPIRES", "NODE"}}
			for _, s := range list {
				rows = append(rows, []string{s.ID, s.Subject, s.ClientID, s.Transport, s.Address, stamp(s.ConnectedAt), stamp(s.ExpiresAt), s.Node})
			}
			return a.table(rows)
		})
	})
}

// sockets are all live ones, or those of one subject.
func (d *data) sockets(ctx context.Context, subject string) ([]realtime.SocketView, error) {
	all, after := []realtime.SocketView{}, ""
	for {
		read := d.db.Sockets
		if subject != "" {
			read = func(ctx context.Context, after string, limit int) ([]realtime.SocketView, error) {
				return d.db.SocketsOf(ctx, subject, after, limit)
			}
		}
		page, err := read(ctx, after, socketPage)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < socketPage {
			return all, nil
		}
		after = page[len(page)-1].ID
	}
}

func (a *app) socketCloseCommand() *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:   "close SOCKET",
		Short: "Close a live socket",
		Long: `Close a live socket by its id, within a second, with the code 4003. Its client may
come back with a token that counts; 'sandi user disable' keeps it out.`,
		Example: "  sandi socket close 4SBBVRTQ3VPQEKR4OA5XQF3JZT",
		Args:    oneSocket,
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, args []string) error {
		return a.withData(cmd, t, func(ctx context.Context, d *data) error {
			err := d.db.EndSocket(ctx, args[0], audit.Event{
				Action: audit.SocketKicked, From: fromCLI, Detail: map[string]string{"socket": args[0]},
			})
			if errors.Is(err, realtime.ErrNoSocket) {
				return fault("'sandi socket list' shows them", "there is no live socket of this id")
			}
			if err != nil {
				return err
			}
			if asJSON {
				return a.json(map[string]string{"closing": args[0]})
			}
			return a.print(fmt.Sprintf("closing %s\n", oneLine(args[0])))
		})
	})
}

// oneSocket wants exactly one id. Another argument is not shown: it may be a token.
func oneSocket(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("run '"+cmd.CommandPath()+" --help'", "%s takes one socket id, and was given %d arguments", cmd.CommandPath(), len(args))
	}
	return nil
}
