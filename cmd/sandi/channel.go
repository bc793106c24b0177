package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/realtime"
	"github.com/sandi-auth/sandi/internal/server"
)

func (a *app) channelCommand() *cobra.Command {
	return a.group(&cobra.Command{
		Use:   "channel",
		Short: "List, show, set and remove channels of live sockets",
		Long: `Look after the channels of a server's live sockets, in its data folder. Channels may
also stand in the configuration file (realtime.channels); those are listed and shown
here, and changed there. A running server follows within a second, and who may not be in
a channel any more leaves it.`,
	}, a.channelListCommand(), a.channelShowCommand(), a.channelSetCommand(), a.channelRemoveCommand())
}

// channels are those of the configuration, and those of the store that it does not have, by name.
func (d *data) channels(ctx context.Context) ([]realtime.ChannelDocument, error) {
	configured, err := server.ConfiguredChannels(d.cfg)
	if err != nil {
		return nil, err
	}
	stored, _, err := d.db.Channels(ctx)
	if err != nil {
		return nil, err
	}
	return realtime.Documents(configured, stored), nil
}

// channel is one of them.
func (d *data) channel(ctx context.Context, name string) (realtime.ChannelDocument, error) {
	all, err := d.channels(ctx)
	if err != nil {
		return realtime.ChannelDocument{}, err
	}
	for _, c := range all {
		if c.Name == name {
			return c, nil
		}
	}
	return realtime.ChannelDocument{}, noChannel(name)
}

func noChannel(name string) error {
	return fault("'sandi channel list' shows them", "there is no channel %s", oneLine(name))
}

// unconfigured refuses to change a channel of the configuration.
func (d *data) unconfigured(name string) error {
	for _, c := range d.cfg.Realtime.Channels {
		if c.Name == name {
			return fault("change it under realtime.channels, and restart the server", "%s is in the configuration file", name)
		}
	}
	return nil
}

func oneChannel(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("run '"+cmd.CommandPath()+" --help'", "%s takes one channel, and was given %d arguments", cmd.CommandPath(), len(args))
	}
	return nil
}

func (a *app) channelListCommand() *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List all channels, those of the configuration file included",
		Example: "  sandi channel list --json | jq -r '.[].name'",
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, _ []string) error {
		return a.withData(cmd, t, func(ctx context.Context, d *data) error {
			all, err := d.channels(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				return a.json(all)
			}
			rows := [][]string{{"CHANNEL", "SUBSCRIBE", "PUBLISH", "FROM"}}
			for _, c := range all {
				rows = append(rows, []string{c.Name, needs(c.Subscribe), publishers(c), origin(c)})
			}
			return a.table(rows)
		})
	})
}

// needs is a requirement in words.
func needs(r realtime.Requirement) string {
	var words []string
	if len(r.Roles) > 0 {
		words = append(words, "role "+strings.Join(r.Roles, "|"))
	}
	if len(r.Scopes) > 0 {
		words = append(words, "scope "+strings.Join(r.Scopes, "+"))
	}
	if r.Level > 0 {
		words = append(words, "level "+strconv.Itoa(r.Level))
	}
	if len(words) == 0 {
		return "anybody signed in"
	}
	return strings.Join(words, ", ")
}

func publishers(c realtime.ChannelDocument) string {
	if c.ReadOnly {
		return "the server"
	}
	return needs(c.Publish)
}

func origin(c realtime.ChannelDocument) string {
	if c.Configured {
		return "config"
	}
	return "store"
}

func (a *app) channelShowCommand() *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:     "show CHANNEL",
		Short:   "Show a channel",
		Long:    `Show a channel. What --json prints can be changed and given to 'sandi channel set'.`,
		Example: "  sandi channel show ops --json > ops.json",
		Args:    oneChannel,
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, args []string) error {
		return a.withData(cmd, t, func(ctx context.Context, d *data) error {
			one, err := d.channel(ctx, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return a.json(one)
			}
			return a.table(channelRows(one))
		})
	})
}

// channelRows are the settings of a channel that are set.
func channelRows(c realtime.ChannelDocument) [][]string {
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	rows := [][]string{
		{"SETTING", "VALUE"},
		{"name", c.Name},
		{"from", origin(c)},
		{"subscribe", needs(c.Subscribe)},
		{"publish", publishers(c)},
		{"max_bytes", number(c.MaxBytes)},
		{"rate", number(c.Rate)},
		{"keep", number(c.Keep)},
		{"keep_for", c.KeepFor},
	}
	if len(c.Schema) > 0 {
		rows = append(rows, []string{"schema", strconv.Itoa(len(c.Schema)) + " bytes (--json shows them)"})
	}
	if c.Presence {
		rows = append(rows, []string{"presence", "yes"})
	}
	return slices.DeleteFunc(rows, func(r []string) bool { return r[1] == "" })
}

func (a *app) channelSetCommand() *cobra.Command {
	var t target
	var file string
	var asJSON bool
	c := &cobra.Command{
		Use:   "set CHANNEL",
		Short: "Make a channel, or replace it as a whole",
		Long: `Make a channel, or replace it as a whole, by a JSON object in a file or on standard
input, as 'sandi channel show --json' prints it: subscribe and publish, each with roles
(one of them), scopes (all of them) and level; read_only, schema (a JSON Schema),
max_bytes, rate, keep, keep_for ("5m"), presence. An empty object lets everybody who is
signed in read and write. A member that is not known is refused.`,
		Example: `  echo '{"subscribe": {"roles": ["agent"]}, "publish": {"level": 2}}' | sandi channel set missions/alpha
  sandi channel set ops --file ops.json`,
		Args: oneChannel,
	}
	t.flags(c)
	c.Flags().StringVar(&file, "file", "", "the `file` with the JSON object, instead of standard input")
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, args []string) error {
		return a.withData(cmd, t, func(ctx context.Context, d *data) error {
			if err := d.unconfigured(args[0]); err != nil {
				return err
			}
			doc, err := a.readAll(ctx, file, "Paste the JSON object of the channel")
			if err != nil {
				return err
			}
			one, err := realtime.ParseChannel(args[0], doc)
			if err != nil {
				return usage("'sandi channel set --help' says what it may have", "the channel cannot be: %s", oneLine(err.Error()))
			}
			if err := d.db.PutChannel(ctx, one, channelEvent(audit.ChannelChanged, one.Name)); err != nil {
				return err
			}
			if asJSON {
				return a.json(realtime.DocumentOf(one, false))
			}
			return a.print(fmt.Sprintf("set %s\n", one.Name))
		})
	})
}

func (a *app) channelRemoveCommand() *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:     "remove CHANNEL",
		Short:   "Remove a channel; who is in it leaves it",
		Example: "  sandi channel remove ops",
		Args:    oneChannel,
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, args []string) error {
		return a.withData(cmd, t, func(ctx context.Context, d *data) error {
			if err := d.unconfigured(args[0]); err != nil {
				return err
			}
			err := d.db.RemoveChannel(ctx, args[0], channelEvent(audit.ChannelRemoved, args[0]))
			if errors.Is(err, realtime.ErrNoChannel) {
				return noChannel(args[0])
			}
			if err != nil {
				return err
			}
			if asJSON {
				return a.json(map[string]string{"removed": args[0]})
			}
			return a.print(fmt.Sprintf("removed %s\n", oneLine(args[0])))
		})
	})
}

func channelEvent(action audit.Action, name string) audit.Event {
	return audit.Event{Action: action, From: fromCLI, Detail: map[string]string{"channel": name}}
}
