package lint

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

const (
	usualWidth   = 80 // columns of a terminal that is none
	plotHeight   = 12 // lines
	plotLeast    = 20 // columns of the plot at least
	plotMost     = 120
	plotMargin   = 11 // columns of the figures on the left, and of the numbers on the right
	plotSamples  = 240
	curveHorizon = 1.1 // of the time when the last plan is steady
)

// horizon is how far a plot goes: a bit beyond the time when all plans are steady, a year at least where one never is.
func (f *Forecast) horizon() time.Duration {
	var last time.Duration
	for _, p := range f.Plans {
		if p.Steady == Endless {
			last = max(last, 365*day)
			continue
		}
		last = max(last, p.Steady)
	}
	return time.Duration(min(float64(last)*curveHorizon, float64(Endless)/2))
}

// highest is the most rows of any plan until the horizon; rows only grow.
func (f *Forecast) highest() float64 {
	most := 0.0
	for _, p := range f.Plans {
		most = max(most, f.Traffic.At(p.Plan, f.horizon()).Rows)
	}
	return most
}

// plot draws rows over time in braille, two by four dots a character; the first plan as a line, the others dashed and dotted.
func (f *Forecast) plot(w io.Writer, width int) {
	if width == 0 {
		width = usualWidth
	}
	horizon, highest := f.horizon(), f.highest()
	if highest == 0 {
		fmt.Fprintln(w, "Nothing is kept.")
		return
	}
	c := newCanvas(min(max(width-2*plotMargin, plotLeast), plotMost), plotHeight)
	ends := make([]string, plotHeight)
	for i, p := range f.Plans {
		line := c.draw(i, func(x float64) float64 { return f.Traffic.At(p.Plan, time.Duration(x*float64(horizon))).Rows / highest })
		ends[line] += fmt.Sprintf(" %d", i+1)
	}
	fmt.Fprintln(w, "Rows over time")
	for line := range plotHeight {
		label := map[int]string{0: figure(highest), plotHeight - 1: "0"}[line]
		fmt.Fprintf(w, "%*s ┤%s%s\n", plotMargin-1, briefly(label), c.line(line), ends[line])
	}
	middle, last := tick(horizon/2), tick(horizon)
	fmt.Fprintf(w, "%*s└%s\n", plotMargin, "", strings.Repeat("─", c.columns))
	fmt.Fprintf(w, "%*s0%*s%*s\n", plotMargin+1, "", c.columns/2-1, middle, c.columns-c.columns/2, last)
	for i, p := range f.Plans {
		fmt.Fprintf(w, "%d %s  %s\n", i+1, []string{"⠤⠤⠤⠤", "⠤⠄⠤⠄", "⠄⠄⠄⠄"}[i], p.end())
	}
}

// tick is a time on an axis, in one unit.
func tick(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{day, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := math.Round(10*float64(d)/float64(unit.size)) / 10; n >= 1 {
			return count(n, unit.name)
		}
	}
	return count(math.Round(d.Seconds()*10)/10, "second")
}

// briefly is a figure that fits a margin.
func briefly(label string) string {
	for long, brief := range map[string]string{" billion": " bn", " million": " M", " thousand": " k"} {
		label = strings.Replace(label, long, brief, 1)
	}
	return label
}

// canvas is a field of braille characters.
type canvas struct {
	columns, lines int
	dots           [][]bool // by row from the top, then column
}

func newCanvas(columns, lines int) *canvas {
	c := &canvas{columns: columns, lines: lines, dots: make([][]bool, lines*4)}
	for i := range c.dots {
		c.dots[i] = make([]bool, columns*2)
	}
	return c
}

// draw draws y of x, both from 0 to 1, and gives the line where it ends. Steep parts are filled, so that a curve has no holes but those of its dashes.
func (c *canvas) draw(style int, y func(x float64) float64) (line int) {
	across, down := c.columns*2-1, len(c.dots)-1
	last := -1
	for i := range across + 1 {
		row := down - int(math.Round(y(float64(i)/float64(across))*float64(down)))
		row = min(max(row, 0), down)
		from, to := row, row
		if last >= 0 {
			from, to = min(row, last+sign(row-last)), max(row, last+sign(row-last))
		}
		for r := from; r <= to; r++ {
			if drawn(style, i) {
				c.dots[r][i] = true
			}
		}
		last = row
	}
	return last / 4
}

// drawn says whether the dashes of a style have a dot at a place of the line.
func drawn(style, at int) bool {
	switch style {
	case 0:
		return true
	case 1:
		return at%6 < 4
	}
	return at%4 == 0
}

func sign(n int) int {
	switch {
	case n > 0:
		return 1
	case n < 0:
		return -1
	}
	return 0
}

// line is one line of characters. The bits of braille (Unicode U+2800) go down the left column, then the right, and the lowest two come last.
func (c *canvas) line(n int) string {
	bits := [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}
	var b strings.Builder
	for column := range c.columns {
		char := rune(0x2800)
		for r := range 4 {
			for side := range 2 {
				if c.dots[n*4+r][column*2+side] {
					char |= bits[r][side]
				}
			}
		}
		b.WriteRune(char)
	}
	return b.String()
}
