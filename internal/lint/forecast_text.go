package lint

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Text writes the forecast for people: what is taken for granted, a table for each plan, and the rows over time as a plot. width are the columns of
// the terminal; 0: 80.
func (f *Forecast) Text(w io.Writer, width int) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, f.given())
	fmt.Fprintln(b, "Below, access and refresh are tokens that are valid then, rows are what the store holds.")
	for i := range f.Plans {
		p := &f.Plans[i]
		fmt.Fprintf(b, "\n%d  %s\n   %s\n", i+1, p.Name, p.describe())
		columns(b, f.table(p))
	}
	fmt.Fprintln(b)
	f.plot(b, width)
	if f.Plans[0].Simulated != nil {
		fmt.Fprintf(b, "\nThe simulation differs from the forecast by %.2f %% at most.\n", 100*f.Deviation())
	}
	return b.Flush()
}

// given is what the figures hold for.
func (f *Forecast) given() string {
	l := f.Traffic.under(Plan{Access: 1})
	s := fmt.Sprintf("%s a second, %s a day; %s a row", many64(l.Rate, "login"), grouped(l.Rate*day.Seconds()), bytesOf(l.RowBytes))
	if l.Replicas > 1 {
		s += fmt.Sprintf(" in %d copies", l.Replicas)
	}
	if l.Active == 0 {
		return s + "; no session refreshes."
	}
	return s + fmt.Sprintf("; a session refreshes in %s of its access lifetimes.", decimal(l.Active, 4))
}

// describe says what a plan is.
func (p *PlanForecast) describe() string {
	s := "access " + life(p.Access)
	if p.Assumed {
		s += " (not known here, so taken)"
	}
	if p.Refresh > 0 {
		s += ", refresh " + life(p.Refresh)
	}
	if p.Idle > 0 && p.Idle < p.Refresh {
		s += ", unused " + life(p.Idle)
	}
	switch {
	case p.KeepsAccess && p.Refresh > 0:
		s += "; a row for each access token and each session"
	case p.KeepsAccess:
		s += "; a row for each access token"
	case p.Refresh > 0:
		s += "; a row for each session"
	default:
		s += "; no rows"
	}
	if p.KeepsReplaced && p.Refresh > 0 {
		s += ", and for each replaced refresh token"
	}
	switch {
	case p.PurgeLag == Endless:
		s += ", never deleted"
	case p.PurgeLag > 0:
		s += ", deleted " + words(p.PurgeLag) + " after its end"
	}
	if p.Steady == Endless {
		return s + ". It grows for ever."
	}
	return s + ". Steady after " + words(p.Steady) + "."
}

func life(d time.Duration) string {
	if d == Endless {
		return "without end"
	}
	return words(d)
}

// table is a plan's points, heads first.
func (f *Forecast) table(p *PlanForecast) [][]string {
	changes := f.Traffic.Active > 0 && !p.KeepsReplaced && p.Refresh > 0
	head := []string{"after", "access", "refresh", "rows", "size", "new/day"}
	if changes {
		head = append(head, "changed/day")
	}
	head = append(head, "gone/day")
	if p.Simulated != nil {
		head = append(head, "simulated")
	}
	rows := [][]string{head}
	for i, at := range p.Points {
		after := words(at.After)
		if i == len(p.Points)-1 && p.Steady != Endless {
			after = "steady"
		}
		row := []string{after, grouped(at.Access), grouped(at.Refresh), grouped(at.Rows), bytesOf(at.Bytes), grouped(at.Inserted)}
		if changes {
			row = append(row, grouped(at.Updated))
		}
		row = append(row, grouped(at.Deleted))
		if p.Simulated != nil {
			row = append(row, grouped(p.Simulated[i]))
		}
		rows = append(rows, row)
	}
	return rows
}

// columns writes rows with the first column to the left and all others to the right.
func columns(w io.Writer, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		line := fmt.Sprintf("   %-*s", widths[0], row[0])
		for i, cell := range row[1:] {
			line += fmt.Sprintf("  %*s", widths[i+1], cell)
		}
		fmt.Fprintln(w, line)
	}
}

// grouped is a number of things: 172,800,000; beyond 10 digits in words.
func grouped(n float64) string {
	switch {
	case n >= 1e15:
		return strconv.FormatFloat(n, 'e', 1, 64)
	case n >= 1e10:
		return figure(n)
	case n > 0 && n < 10 && n != math.Trunc(n):
		return decimal(n, 1)
	}
	digits := strconv.FormatFloat(n, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// bytesOf is a size in decimal units, as disks are sold: 53.6 GB.
func bytesOf(n float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e18, "EB"}, {1e15, "PB"}, {1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if n >= unit.size {
			return decimal(n/unit.size, 1) + " " + unit.name
		}
	}
	return decimal(n, 0) + " B"
}

// decimal is a number with at most so many digits after the point.
func decimal(n float64, digits int) string {
	s := strconv.FormatFloat(n, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return s
}

func many64(n float64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return decimal(n, 4) + " " + what + "s"
}
