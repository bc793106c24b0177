package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// fewest is how many slices have to be kept for a figure to say anything.
const fewest = 5

// limit is what a figure is held to; the zero limit is none.
type limit struct {
	sign  string
	value float64
}

func atMost(v float64) limit  { return limit{"≤", v} }
func atLeast(v float64) limit { return limit{"≥", v} }

func (l limit) String() string {
	if l.sign == "" {
		return ""
	}
	return l.sign + " " + number(l.value)
}

// row is a line of the table, measured. Of is 0 where there is no reference to take turns with.
type row struct {
	Part, Name, Unit string
	Value, Low, High float64 // the median and the quartiles
	Kept, Of         int
	Limit            limit
	Detail           string
}

// Holds says whether the limit holds: "yes", "NO", "noise" where too few slices were kept to know, "" without a limit.
func (r row) Holds() string {
	switch {
	case r.Of > 0 && r.Kept < fewest:
		return "noise"
	case r.Limit.sign == "":
		return ""
	case r.Limit.sign == "≤" && r.Value <= r.Limit.value, r.Limit.sign == "≥" && r.Value >= r.Limit.value:
		return "yes"
	}
	return "NO"
}

// Figure is the median with its unit.
func (r row) Figure() string {
	if r.Of > 0 && r.Kept == 0 {
		return "-"
	}
	return strings.TrimSpace(number(r.Value) + " " + r.Unit)
}

// Spread is the quartiles.
func (r row) Spread() string {
	if r.Kept == 0 {
		return ""
	}
	return number(r.Low) + ".." + number(r.High)
}

// Slices is how many were kept, of how many.
func (r row) Slices() string {
	if r.Of == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", r.Kept, r.Of)
}

const layout = "  %-46s %11s %15s %9s %8s %6s  %s"

// heading stands over the rows of a part.
var heading = fmt.Sprintf(layout, "", "median", "quartiles", "kept", "limit", "holds", "an operation")

func (r row) String() string {
	return fmt.Sprintf(layout, r.Name, r.Figure(), r.Spread(), r.Slices(), r.Limit, r.Holds(), r.Detail)
}

// number has three digits that count.
func number(v float64) string {
	digits := 2
	if v != 0 {
		digits = min(max(2-int(math.Floor(math.Log10(math.Abs(v)))), 0), 4)
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// perOp is a time in nanoseconds.
func perOp(ns float64) string {
	switch {
	case ns < 1e3:
		return number(ns) + " ns"
	case ns < 1e6:
		return number(ns/1e3) + " µs"
	}
	return number(ns/1e6) + " ms"
}

func (b *bench) missed() (n int) {
	for _, r := range b.rows {
		if r.Holds() == "NO" {
			n++
		}
	}
	return n
}

func (b *bench) summary() string {
	count := map[string]int{}
	for _, r := range b.rows {
		if r.Limit.sign != "" {
			count[r.Holds()]++
		}
	}
	return fmt.Sprintf("%d limits hold, %d do not, %d could not be told from noise.", count["yes"], count["NO"], count["noise"])
}

// machine is what the figures were measured on.
type machine struct {
	Date, CPU, Cores, SHA, System, Go string
}

func thisMachine() machine {
	m := machine{
		Date: time.Now().UTC().Format(time.DateOnly), CPU: "unknown", Cores: strconv.Itoa(runtime.NumCPU()), SHA: "unknown",
		System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
	}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m
	}
	m.SHA = "no"
	for line := range strings.Lines(string(info)) {
		name, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(name) {
		case "model name":
			m.CPU = strings.TrimSpace(value)
		case "flags", "Features":
			if fields := " " + value + " "; strings.Contains(fields, " sha_ni ") || strings.Contains(fields, " sha2 ") {
				m.SHA = "yes"
			}
		}
	}
	if strings.Contains(os.Getenv("GODEBUG"), "cpu.sha=off") {
		m.SHA = "switched off"
	}
	return m
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %s, %s, %s cores, SHA instructions: %s, %s", m.Date, m.Go, m.CPU, m.Cores, m.SHA, m.System)
}

// version is a module that is linked in, with its version.
func version(name, path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return name
	}
	for _, dep := range info.Deps {
		if dep.Path == path {
			return name + " " + dep.Version
		}
	}
	return name
}
