package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/lint"
)

const forecastHelp = "run 'sandi lint forecast --help'"

// forecastFlags are those of sandi lint forecast.
type forecastFlags struct {
	as, rate, access, refresh, lag, svg   string
	active, rowBytes                      float64
	replicas                              int
	families, stateless, simulate, asJSON bool
}

func (a *app) lintForecastCommand() *cobra.Command {
	var f forecastFlags
	c := &cobra.Command{
		Use:   "forecast [PATH]...",
		Short: "Forecast how many tokens pile up in the store",
		Long: `Forecast how many tokens are live, how many rows and bytes a store holds and how many
rows come and go a day: after an hour, a day, a week, 30 and 90 days, and when it
grows no more. As many are there as come in one lifetime (Little's law): 10 logins a
second and refresh tokens of 200 days are 172.8 million.

The lifetimes are those of the configuration at PATH, as sandi lint reads it, with
--access and --refresh before them; of several, those that pile up most. They stand
beside the recommended ones (30 minutes and 24 hours), and beside Sandi's way to keep
them: one row a session, which a refresh changes in its place.

Without --rate the figures are for one login a second: multiply. What is known of the
load may stand in .sandi-lint.yaml, under expect.`,
		Example: `  sandi lint forecast --rate 10/s --access 30m --refresh 200d
  sandi lint forecast --rate 10/s --purge-lag 3d apiproxy/
  sandi lint forecast --rate 600/min --active 0.3 --families --simulate hydra.yml
  sandi lint forecast --rate 10/s --svg forecast.svg realm.json`,
		Args: cobra.ArbitraryArgs,
	}
	f.add(c)
	return does(c, func(cmd *cobra.Command, args []string) error { return a.lintForecast(cmd, args, f) })
}

func (f *forecastFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.rate, "rate", "", "logins, as `10/s`, 600/min, 36000/h or 864000/d (default 1/s)")
	flags.StringVar(&f.access, "access", "", "lifetime of access tokens: a `duration`, or never (default that of PATH, else 30m)")
	flags.StringVar(&f.refresh, "refresh", "", "from a login to the end of its last refresh token: a `duration`, never, or none where there are no refresh tokens (default that of PATH)")
	flags.StringVar(&f.lag, "purge-lag", "", "from the end of a token until its row is deleted: a `duration`, or never (default 0s)")
	flags.Float64Var(&f.rowBytes, "row-bytes", 0, "`bytes` of a row with its indexes (default 310, measured on SQLite)")
	flags.IntVar(&f.replicas, "replicas", 1, "`copies` of each row")
	flags.Float64Var(&f.active, "active", 0, "the `part` of its access lifetimes in which a session refreshes, 0 to 1")
	flags.BoolVar(&f.families, "families", false, "refresh tokens that were replaced stay until their session ends, to detect reuse; needs --active")
	flags.BoolVar(&f.stateless, "stateless", false, "access tokens are signed, and no rows")
	flags.BoolVar(&f.simulate, "simulate", false, "play sessions as well, and show what the formulas miss")
	flags.StringVar(&f.svg, "svg", "", "write the plot to this `file` too")
	flags.StringVar(&f.as, "as", "", "read every file given by name as this `format`: "+strings.Join(lintFormats(), ", "))
	jsonFlag(c, &f.asJSON)
}

func (a *app) lintForecast(c *cobra.Command, paths []string, f forecastFlags) error {
	if len(paths) == 0 && f.access == "" && f.refresh == "" {
		return usage("give a file or folder, or the lifetimes: sandi lint forecast --rate 10/s --access 30m --refresh 200d", "there is nothing to forecast")
	}
	expect, err := forecastExpect(paths)
	if err != nil {
		return err
	}
	t, err := f.traffic(c, expect)
	if err != nil {
		return err
	}
	plan, err := a.forecastPlan(c.Context(), paths, t, f)
	if err != nil {
		return err
	}
	plan.PurgeLag = expect.PurgeLag
	if f.lag != "" {
		if plan.PurgeLag, err = lifetime("purge-lag", f.lag, 0); err != nil {
			return err
		}
	}
	forecast := t.Forecast(plan)
	if f.simulate {
		if err := a.simulate(c.Context(), forecast); err != nil {
			return err
		}
	}
	return a.writeForecast(forecast, f)
}

// writeForecast prints a forecast, and draws it where that is wanted.
func (a *app) writeForecast(forecast *lint.Forecast, f forecastFlags) error {
	if f.svg != "" {
		var b bytes.Buffer
		if err := forecast.SVG(&b); err != nil {
			return err
		}
		if err := writeReport(f.svg, b.Bytes()); err != nil {
			return err
		}
	}
	if f.asJSON {
		return a.json(forecast.JSON())
	}
	return forecast.Text(a.stdout, columnsOf(a.stdout))
}

// forecastExpect is what .sandi-lint.yaml says of the load.
func forecastExpect(paths []string) (lint.Expect, error) {
	file, err := lint.FindSettings(append(paths, ".")[0])
	if err != nil {
		return lint.Expect{}, err
	}
	settings, err := lint.ReadSettings(file, "")
	if err != nil {
		return lint.Expect{}, usage("the settings are explained in docs/lint/README.md", "%s", err)
	}
	return settings.Expect, nil
}

// traffic is what the settings expect, with the flags before it.
func (f *forecastFlags) traffic(c *cobra.Command, e lint.Expect) (t lint.Traffic, err error) {
	t = lint.Traffic{Rate: e.LoginsPerSecond, Active: e.RefreshActiveFraction, RowBytes: e.RowBytes, Replicas: f.replicas}
	if t.Rate == 0 {
		t.Rate = 1
	}
	given := c.Flags().Changed
	if given("rate") {
		if t.Rate, err = lintRate(f.rate); err != nil {
			return t, usage(forecastHelp, "--rate: %s", err)
		}
	}
	if given("active") {
		t.Active = f.active
	}
	if given("row-bytes") {
		t.RowBytes = f.rowBytes
	}
	return t, f.check(t, given("row-bytes"))
}

// check refuses figures that none can be.
func (f *forecastFlags) check(t lint.Traffic, sized bool) error {
	switch {
	case !(t.Active >= 0 && t.Active <= 1):
		return usage("as --active 0.3: in three of ten access lifetimes a session is used", "--active is not from 0 to 1")
	case f.families && t.Active == 0:
		return usage("add --active 0.3: in three of ten access lifetimes a session is used", "--families counts replaced refresh tokens, and no session refreshes")
	case sized && !(t.RowBytes > 0 && t.RowBytes <= 1e9):
		return usage("as --row-bytes 310", "--row-bytes is not above 0 and at most 1e9")
	case f.replicas < 1 || f.replicas > 1000:
		return usage("as --replicas 3", "--replicas is not from 1 to 1000")
	}
	return nil
}

// lifetime reads the duration of a flag.
func lifetime(flag, text string, least time.Duration) (time.Duration, error) {
	if text == "never" {
		return lint.Endless, nil
	}
	d, err := config.ParseDuration(text)
	if err != nil {
		return 0, usage(forecastHelp, "--%s: %q %s, or never", flag, text, err)
	}
	if d < least || d > 100*365*24*time.Hour {
		return 0, usage(forecastHelp, "--%s is not from %s to 100 years; write never for what has no end", flag, config.FormatDuration(least))
	}
	return d, nil
}

// forecastPlan is what PATH says, with the flags before it.
func (a *app) forecastPlan(ctx context.Context, paths []string, t lint.Traffic, f forecastFlags) (plan lint.Plan, err error) {
	plan = lint.Plan{Name: "These lifetimes", Access: 30 * time.Minute, Assumed: true}
	if len(paths) > 0 {
		if plan, err = a.readPlan(ctx, paths, t, f); err != nil {
			return plan, err
		}
	}
	if f.access != "" {
		if plan.Access, err = lifetime("access", f.access, time.Second); err != nil {
			return plan, err
		}
		plan.Assumed = false
	}
	if f.refresh == "none" {
		plan.Refresh, plan.Idle = 0, 0
	} else if f.refresh != "" {
		plan.Idle = 0
		if plan.Refresh, err = lifetime("refresh", f.refresh, time.Second); err != nil {
			return plan, err
		}
	}
	plan.KeepsAccess, plan.KeepsReplaced = !f.stateless, f.families
	return plan, nil
}

// readPlan reads paths, and takes the plan that piles up most.
func (a *app) readPlan(ctx context.Context, paths []string, t lint.Traffic, f forecastFlags) (plan lint.Plan, err error) {
	options := lint.Options{Format: f.as, Keep: true, Now: a.now, Only: []string{"SND901"}}
	var bar *progressbar.ProgressBar
	if a.terminalErr() {
		options.Progress = func(done, all int) { bar = a.step(bar, "reading files", done, all) }
	}
	result, err := lint.Run(ctx, paths, func() ([]byte, error) { return a.lintInput(ctx) }, options)
	if bar != nil {
		_ = bar.Clear()
	}
	switch {
	case errors.Is(err, context.Canceled):
		return plan, errInterrupted
	case err != nil:
		return plan, usage(forecastHelp, "%s", err)
	}
	for _, found := range result.Findings {
		a.warn(fmt.Sprintf("%s:%d: %s", found.Source.Name, found.At.Line, found.Message))
	}
	plans := t.Plans(result.All)
	if len(plans) == 0 {
		return plan, usage("give them: --access 30m --refresh 24h", "no lifetime of tokens was found in %s", strings.Join(paths, ", "))
	}
	plan = plans[0]
	if len(plans) > 1 {
		plan.Name += fmt.Sprintf(" (piles up most of %d)", len(plans))
	}
	return plan, nil
}

// step draws a bar's step, and the bar at the first.
func (a *app) step(bar *progressbar.ProgressBar, what string, done, all int) *progressbar.ProgressBar {
	if bar == nil {
		bar = a.bar(what, int64(all))
	}
	_ = bar.Set(done) // a terminal that is gone shows nothing
	return bar
}

// simulate plays a forecast, with a bar where a person waits.
func (a *app) simulate(ctx context.Context, forecast *lint.Forecast) error {
	var bar *progressbar.ProgressBar
	var progress func(done, all int)
	if a.terminalErr() {
		progress = func(done, all int) { bar = a.step(bar, "simulating", done, all) }
	}
	err := forecast.Simulate(ctx, progress)
	if bar != nil {
		_ = bar.Clear()
	}
	if err != nil {
		return errInterrupted
	}
	return nil
}
