// Command bench measures Sandi beside its peers and its limits, in one run, and prints ratios. A figure is the median of
// many short slices, each measured between two slices of its reference, so that a machine whose speed drifts drifts for both.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// part is a heading of the table. Its note says what its references are.
type part struct {
	id, title, note string
	run             func(*bench) error
}

func parts() []part {
	return []part{hs256Part(), asymmetricPart(), signPart(), warmPart(), revocationPart(), hostilePart(), httpPart(), refreshPart(), oauthPart(), realtimePart()}
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == childFlag {
		if err := child(os.Args[2], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run answers with the status of the process: 0 where no limit was seen to be missed, 1 for one that was and for a
// failure, 2 for a usage that is none.
func run(args []string, stdout, stderr io.Writer) int {
	b := &bench{out: stdout}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&b.rounds, "rounds", 80, "how many slices of a side are to be kept; at most twice as many are measured")
	flags.DurationVar(&b.slice, "slice", 30*time.Millisecond, "how long a side runs at a time")
	flags.StringVar(&b.only, "only", "", `what to measure: a part ("http") or the lines of it that contain a text ("http/ES256")`)
	flags.BoolVar(&b.quick, "quick", false, "a tenth of the slices, and no list of ten million")
	write := flags.Bool("write", false, "write README.md, the table, into this folder")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if *write && (b.only != "" || b.quick) {
		fmt.Fprintln(stderr, "bench: -write wants the whole table: leave -only and -quick out")
		return 2
	}
	if b.quick {
		b.rounds = max(b.rounds/10, 1)
	}
	if err := b.measure(parts()); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	if *write {
		if err := writeReadme("README.md", b); err != nil {
			fmt.Fprintln(stderr, "bench:", err)
			return 1
		}
	}
	if b.missed() > 0 {
		return 1
	}
	return 0
}

func (b *bench) measure(parts []part) error {
	fmt.Fprintf(b.out, "%s\n", thisMachine())
	for _, p := range parts {
		if !b.begin(p) {
			continue
		}
		if err := cmp.Or(p.run(b), b.err); err != nil {
			return fmt.Errorf("%s: %w", p.id, err)
		}
	}
	fmt.Fprintf(b.out, "\n%s\n", b.summary())
	return nil
}
