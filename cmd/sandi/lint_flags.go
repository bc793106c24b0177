package main

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/lint"
)

const lintHelp = "run 'sandi lint --help'"

// lintFlags are those of sandi lint.
type lintFlags struct {
	as, profile, format, out, failOn, rate, config string
	only, ignore                                   []string
	fix, diff, noColor, asJSON                     bool
}

func (f *lintFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.as, "as", "", "read every file given by name as this `format`: "+strings.Join(lintFormats(), ", "))
	flags.StringVar(&f.profile, "profile", "", "judge by this `profile`: "+strings.Join(lint.Profiles(), ", ")+" (default baseline)")
	flags.StringVar(&f.format, "format", "text", "report as `kind`: "+strings.Join(lint.ReportFormats(), ", "))
	jsonFlag(c, &f.asJSON)
	flags.StringVarP(&f.out, "out", "o", "", "write the report to this `file`")
	flags.StringVar(&f.failOn, "fail-on", "", "exit with 1 from this `severity` on: note, warning, error, never (default error)")
	flags.StringSliceVar(&f.only, "only", nil, "judge by these `rules` alone: SND101,SND111")
	flags.StringSliceVar(&f.ignore, "ignore", nil, "leave these `rules` out")
	flags.StringVar(&f.rate, "rate", "", "logins, as `10/s`, for what piles up in the store (SND501)")
	flags.StringVar(&f.config, "config", "", "settings `file` (default: .sandi-lint.yaml, looked for upwards from the first path)")
	flags.BoolVar(&f.fix, "fix", false, "replace literals by what is suggested, every other byte kept, then report what is left; standard input goes to standard output")
	flags.BoolVar(&f.diff, "diff", false, "print what --fix would do as a unified diff, and write nothing")
	flags.BoolVar(&f.noColor, "no-color", false, "no colour on a terminal; or NO_COLOR")
}

// lintFormats are the names for --as.
func lintFormats() []string {
	var names []string
	for _, r := range lint.Readers() {
		if !slices.Contains(names, r.Format) {
			names = append(names, r.Format)
		}
	}
	return names
}

// check refuses what does not go together.
func (f *lintFlags) check(paths []string) error {
	if f.asJSON {
		f.format = "json"
	}
	switch {
	case !slices.Contains(lint.ReportFormats(), f.format):
		return usage(lintHelp, "there is no format %q for reports: choose %s", f.format, strings.Join(lint.ReportFormats(), ", "))
	case f.diff && (f.format != "text"):
		return usage("run it twice: once for the diff, once for the report", "--diff prints a diff, and no report as %s", f.format)
	case slices.Contains(paths, "-") && len(paths) > 1 && (f.fix || f.diff):
		return usage("mend it alone: sandi lint --fix - < file", "standard input is mended to standard output, and cannot stand beside other paths")
	}
	return nil
}

// settings are those of the file, with the flags over them.
func (f *lintFlags) settings(c *cobra.Command, first string) (s lint.Settings, err error) {
	file := f.config
	if !c.Flags().Changed("config") {
		if file, err = lint.FindSettings(first); err != nil {
			return s, err
		}
	}
	if s, err = lint.ReadSettings(file, f.profile); err != nil {
		return s, usage("the settings are explained in docs/lint/README.md", "%s", err)
	}
	if c.Flags().Changed("fail-on") {
		if s.FailOn, err = lint.ParseSeverity(f.failOn); err != nil {
			return s, usage(lintHelp, "--fail-on: %s", err)
		}
	}
	if c.Flags().Changed("rate") {
		if s.Thresholds.Rate, err = lintRate(f.rate); err != nil {
			return s, usage(lintHelp, "--rate: %s", err)
		}
	}
	if c.Flags().Changed("only") {
		s.Only = f.only
	}
	return s, nil
}

// lintRate reads logins a second.
func lintRate(text string) (float64, error) {
	number, unit, _ := strings.Cut(text, "/")
	n, err := strconv.ParseFloat(number, 64)
	size := map[string]time.Duration{"s": time.Second, "min": time.Minute, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}[unit]
	if err != nil || size == 0 || !(n > 0 && n < 1e12) {
		return 0, errors.New("write how many in which time, as 10/s, 600/min, 36000/h or 864000/d")
	}
	return n / size.Seconds(), nil
}
