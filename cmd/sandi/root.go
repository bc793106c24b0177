package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/server"
)

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "sandi",
		Short: "Token security for APIs: log in, refresh, revoke, verify",
		Long: `Sandi issues, verifies, refreshes and revokes tokens for APIs.

Try it with 'sandi demo', run it with 'sandi serve'. Every setting stands in
'sandi config doc'. Exit codes: 0 done, 1 failed or found something, 2 the
command line or the configuration is wrong.`,
		Example: `  sandi demo
  sandi serve --data /var/lib/sandi
  sandi user add siti --role manager
  echo "$TOKEN" | sandi token decode`,
		Version:       thisBuild().String(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().Bool("version", false, "print which build this is, as 'sandi version' does")
	root.SetHelpCommand(a.helpCommand())
	root.AddCommand(
		a.serveCommand(), a.demoCommand(), a.userCommand(), a.tokenCommand(), a.keyCommand(), a.configCommand(), a.versionCommand(),
		a.backupCommand(), a.restoreCommand(), a.migrateCommand(), a.loginCommand(), a.clientCommand(), a.agentCommand(), a.gatewayCommand(),
		a.socketCommand(), a.channelCommand(), a.lintCommand(),
	)
	root.InitDefaultCompletionCmd()
	a.refuseNoCommand(root)
	root.InitDefaultHelpCmd()
	root.Args = a.groupArgs
	root.SuggestionsMinimumDistance = 2
	root.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return root
}

// refuseNoCommand makes a group of the completion, which cobra adds by itself.
func (a *app) refuseNoCommand(root *cobra.Command) {
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			a.group(c)
		}
	}
}

// group is a command that only holds others.
func (a *app) group(c *cobra.Command, members ...*cobra.Command) *cobra.Command {
	c.AddCommand(members...)
	c.Args = a.groupArgs
	c.SuggestionsMinimumDistance = 2
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		var names []string
		for _, m := range cmd.Commands() {
			names = append(names, m.Name())
		}
		return usage("run '"+cmd.CommandPath()+" --help'", "%s needs a command: %s", cmd.CommandPath(), strings.Join(names, ", "))
	}
	return c
}

// groupArgs refuses what is no command. The word is shown only if it can be
// one: what stands there by mistake may be a token or a password.
func (a *app) groupArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "run '" + cmd.CommandPath() + " --help'"
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean '" + cmd.CommandPath() + " " + near[0] + "'?"
	}
	if len(args[0]) > 16 {
		return usage(hint, "%s has no such command", cmd.CommandPath())
	}
	return usage(hint, "%s has no command %q", cmd.CommandPath(), args[0])
}

// does makes do what the command runs. Its errors are failures, where cobra's
// own are wrong usage.
func does(c *cobra.Command, do func(cmd *cobra.Command, args []string) error) *cobra.Command {
	if c.Args == nil {
		c.Args = noArgs
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if err := do(cmd, args); err != nil {
			return &runError{err}
		}
		return nil
	}
	return c
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("run '"+cmd.CommandPath()+" --help'", "%s takes no arguments, and was given %d", cmd.CommandPath(), len(args))
	}
	return nil
}

const secretHint = "a secret is never an argument, where ps and the shell history show it; it is read from standard input"

func flagError(cmd *cobra.Command, err error) error {
	hint := "run '" + cmd.CommandPath() + " --help'"
	for _, secret := range []string{"--pass", "--token", "--secret"} {
		if strings.HasPrefix(err.Error(), "unknown flag: "+secret) {
			hint = secretHint
		}
	}
	return usage(hint, "%s", err)
}

// target is which server's data a command works on.
type target struct {
	config, data string
}

// flags adds --config and --data.
func (t *target) flags(c *cobra.Command) {
	c.Flags().StringVar(&t.config, "config", "", "configuration `file` (YAML); or SANDI_CONFIG")
	c.Flags().StringVar(&t.data, "data", "", "data `folder`; or SANDI_DATA (default ./sandi-data)")
}

// given says that the command line names a target.
func (t *target) given(c *cobra.Command) bool {
	return c.Flags().Changed("config") || c.Flags().Changed("data")
}

// load is the configuration as it would hold: read, with what follows filled in.
func (a *app) load(c *cobra.Command, t target, others map[string]string) (config.Config, error) {
	cfg, err := a.read(c, t, others)
	return cfg.Resolved(""), err
}

// read reads the configuration: file, environment, flags. others are settings
// from further flags, by path.
func (a *app) read(c *cobra.Command, t target, others map[string]string) (config.Config, error) {
	path := t.config
	if !c.Flags().Changed("config") {
		path = config.Path(a.environ)
	}
	flags := map[string]string{}
	for name, text := range others {
		flags[name] = text
	}
	if c.Flags().Changed("data") {
		flags["data"] = t.data
	}
	return config.Read(path, a.environ, flags, server.JudgeClients)
}

// jsonFlag adds --json.
func jsonFlag(c *cobra.Command, on *bool) {
	c.Flags().BoolVar(on, "json", false, "print JSON")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
