package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/lint"
)

// lintRule is a rule as --json prints it.
type lintRule struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Severity string   `json:"severity"` // the highest that it gives
	Summary  string   `json:"summary"`
	Why      string   `json:"why"`
	Fix      string   `json:"fix"`
	Sources  []string `json:"sources"`
	Bad      string   `json:"bad"`
	Good     string   `json:"good"`
	Help     string   `json:"help"`
}

func (a *app) lintRulesCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "rules [ID]...",
		Short: "List the rules of sandi lint, or explain some of them",
		Long: `List the rules of sandi lint with the highest severity that each gives; or, for
the rules that are named, the reason, the sources, what to do, and a bad and a good
example.`,
		Example: `  sandi lint rules
  sandi lint rules SND101
  sandi lint rules --json | jq -r '.[].id'`,
		Args: cobra.ArbitraryArgs,
	}
	jsonFlag(c, &asJSON)
	return does(c, func(_ *cobra.Command, ids []string) error {
		rules, err := lintRulesOf(ids)
		switch {
		case err != nil:
			return err
		case asJSON:
			return a.json(rules)
		case len(ids) > 0:
			var said []string
			for _, r := range rules {
				said = append(said, r.explained())
			}
			return a.print(strings.Join(said, "\n"))
		}
		rows := [][]string{{"RULE", "SEVERITY", "NAME", "FINDS"}}
		for _, r := range rules {
			rows = append(rows, []string{r.ID, r.Severity, r.Name, r.Summary})
		}
		return a.table(rows)
	})
}

// lintRulesOf are the rules with these ids or names; all where none is given.
func lintRulesOf(ids []string) ([]lintRule, error) {
	wanted := map[string]lintRule{}
	all := []lintRule{}
	for _, r := range lint.Rules() {
		row := lintRule{r.ID, r.Name, r.Severity.String(), r.Summary, r.Why, r.Fix, r.Sources, r.Bad, r.Good, lint.RulesURL + "#" + strings.ToLower(r.ID)}
		all = append(all, row)
		wanted[r.ID], wanted[r.Name] = row, row
	}
	if len(ids) == 0 {
		return all, nil
	}
	chosen := []lintRule{}
	for _, id := range ids {
		row, ok := wanted[strings.ToUpper(id)]
		if !ok {
			row, ok = wanted[strings.ToLower(id)]
		}
		if !ok {
			return nil, usage("list them with 'sandi lint rules'", "there is no rule %q", id)
		}
		chosen = append(chosen, row)
	}
	return chosen, nil
}

// explained is a rule for people.
func (r *lintRule) explained() string {
	indent := func(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }
	return fmt.Sprintf("%s %s (%s)\n%s\n\n%s\n\nDo: %s\nSources: %s\n\nBad:\n%s\n\nGood:\n%s\n\n%s\n",
		r.ID, r.Name, r.Severity, r.Summary, r.Why, r.Fix, strings.Join(r.Sources, "; "), indent(r.Bad), indent(r.Good), r.Help)
}
