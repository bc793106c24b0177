package main

import (
	"bytes"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/config"
)

func (a *app) configCommand() *cobra.Command {
	return a.group(&cobra.Command{Use: "config", Short: "Print, check and document the configuration"},
		a.configPrintCommand(), a.configCheckCommand(), a.configDocCommand())
}

func (a *app) configPrintCommand() *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:   "print",
		Short: "Print the effective configuration",
		Long: `Print the configuration as it would hold: defaults, file, environment and
flags together, every setting with its documentation. The output is a valid
configuration file. What nobody set and follows from other settings is commented
out there, so that it goes on following them; --json shows its value. Passwords in
URLs are not shown.`,
		Example: `  sandi config print > sandi.yaml
  SANDI_TOKEN_ACCESS=5m sandi config print --json`,
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, _ []string) error {
		cfg, err := a.read(cmd, t, nil)
		if err != nil {
			return err
		}
		if asJSON {
			return a.json(cfg.Resolved(""))
		}
		return cfg.Print(a.stdout)
	})
}

// checked is the answer of config check.
type checked struct {
	OK       bool           `json:"ok"`
	Faults   []config.Fault `json:"faults"`
	Insecure []string       `json:"insecure"` // settings that loosen a safe default
}

func (a *app) configCheckCommand() *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and report every fault at once",
		Long: `Check the configuration as 'sandi serve' would before it starts. Exit code 2
and every fault with its place and a hint, or 0 and the settings that loosen a
safe default. It opens no file that the configuration names (certificates,
secrets, schemas) and reaches no database: 'sandi serve' does.`,
		Example: `  sandi config check --config sandi.yaml
  sandi config check --config sandi.yaml --json`,
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, _ []string) error {
		cfg, err := a.load(cmd, t, nil)
		result := checked{OK: err == nil, Faults: []config.Fault{}, Insecure: append([]string{}, cfg.Insecure()...)}
		faults, wrong := errors.AsType[*config.Error](err)
		if wrong {
			result.Faults = faults.Faults
		}
		switch {
		case asJSON && wrong:
			return errors.Join(a.json(result), &findings{exitUsage})
		case asJSON:
			return a.json(result)
		case err != nil:
			return err
		}
		text := "configuration ok\n"
		if len(result.Insecure) > 0 {
			text += "loosened: " + strings.Join(result.Insecure, ", ") + "\n"
		}
		return a.print(text)
	})
}

func (a *app) configDocCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "doc",
		Short:   "Print the reference of all settings as Markdown",
		Example: `  sandi config doc > docs/configuration.md`,
	}
	jsonFlag(c, &asJSON)
	return does(c, func(*cobra.Command, []string) error {
		if asJSON {
			return a.json(config.Settings())
		}
		var b bytes.Buffer
		if err := config.Doc(&b); err != nil {
			return err
		}
		return a.print(b.String())
	})
}
