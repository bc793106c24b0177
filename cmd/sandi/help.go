package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commandHelp is a command as 'sandi help --json' lists it.
type commandHelp struct {
	Command string     `json:"command"` // as typed, "sandi user add"
	Use     string     `json:"use"`
	Short   string     `json:"short"`
	Flags   []flagHelp `json:"flags"`
}

// flagHelp is a flag of a command.
type flagHelp struct {
	Name    string `json:"name"`            // "--data"
	Value   string `json:"value,omitempty"` // what it takes, "folder"; empty for a switch
	Default string `json:"default,omitempty"`
	Usage   string `json:"usage"`
}

func (a *app) helpCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "help [COMMAND]...",
		Short: "Show the help of a command, or list all commands",
		Long: `Show the help of a command, the same as its --help. With --json, list it and all
commands below it, with their use and flags, for programs to read.`,
		Example: `  sandi help user add
  sandi help --json | jq -r '.[].command'`,
		Args: cobra.ArbitraryArgs,
	}
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, args []string) error {
		topic, rest, err := cmd.Root().Find(args)
		if err != nil {
			return err
		}
		if err := a.groupArgs(topic, rest); err != nil {
			return err
		}
		if !asJSON {
			topic.InitDefaultHelpFlag() // Help shows it only if it is there
			return topic.Help()
		}
		list := []commandHelp{}
		for _, c := range commands(topic) {
			list = append(list, describe(c))
		}
		return a.json(list)
	})
}

// commands are c and all below it, in the order of their names.
func commands(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		all = append(all, commands(sub)...)
	}
	return all
}

func describe(c *cobra.Command) commandHelp {
	h := commandHelp{Command: c.CommandPath(), Use: c.UseLine(), Short: c.Short, Flags: []flagHelp{}}
	c.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" { // every command has it
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		row := flagHelp{Name: "--" + f.Name, Value: value, Usage: usage}
		if value != "" && f.DefValue != "[]" {
			row.Default = f.DefValue
		}
		h.Flags = append(h.Flags, row)
	})
	return h
}
