package lint

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Measures of the drawing, in its own units.
const (
	svgWidth, svgHeight                  = 800, 460
	svgLeft, svgRight, svgTop, svgBottom = 90, 20, 50, 130 // margins
	svgTicks                             = 4
)

// svgStyle follows the reader's light or dark screen; lines differ by dashes too, not by colour alone.
const svgStyle = `
.sheet{fill:#fff}.text{fill:#1c2430;font:14px system-ui,sans-serif}.title{font-size:17px;font-weight:600}.grid{stroke:#d5dbe3}.line{fill:none;stroke-width:2.5}
.p1{stroke:#b3261e}.p2{stroke:#1f6f43;stroke-dasharray:9 5}.p3{stroke:#1a56b0;stroke-dasharray:2 4}
@media (prefers-color-scheme:dark){.sheet{fill:#12161c}.text{fill:#e4e8ee}.grid{stroke:#39424f}.p1{stroke:#ff8a80}.p2{stroke:#7bd8a4}.p3{stroke:#8ab8ff}}
`

// SVG writes the rows over time as a drawing that stands alone: no script, no font or picture from elsewhere, and its title and description are
// for those who cannot see it.
func (f *Forecast) SVG(w io.Writer) error {
	b := bufio.NewWriter(w)
	var said []string
	for i := range f.Plans {
		p := &f.Plans[i]
		said = append(said, fmt.Sprintf("%d: %s: %s", i+1, p.Name, p.end()))
	}
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title desc">`+"\n", svgWidth, svgHeight)
	fmt.Fprintf(b, "<title id=\"title\">Rows of tokens over time</title>\n<desc id=\"desc\">%s %s</desc>\n", html.EscapeString(f.given()), html.EscapeString(strings.Join(said, "; ")))
	fmt.Fprintf(b, "<style>%s</style>\n<rect class=\"sheet\" width=\"100%%\" height=\"100%%\"/>\n", svgStyle)
	text(b, svgLeft, 28, "start", "text title", "Rows of tokens over time")
	highest := max(f.highest(), 1)
	f.svgGrid(b, highest)
	for i := range f.Plans {
		p := &f.Plans[i]
		fmt.Fprintf(b, `<polyline class="line p%d" points="%s"/>`+"\n", i+1, f.svgCurve(p.Plan, highest))
		y := svgHeight - svgBottom + 60 + 24*i
		fmt.Fprintf(b, `<line class="line p%d" x1="%d" y1="%d" x2="%d" y2="%d"/>`+"\n", i+1, svgLeft, y-5, svgLeft+40, y-5)
		text(b, svgLeft+50, y, "start", "text", p.legend(i, 79))
	}
	fmt.Fprintln(b, "</svg>")
	return b.Flush()
}

// end is what a plan comes to.
func (p *PlanForecast) end() string {
	at := p.Points[len(p.Points)-1]
	when := "steady after " + words(p.Steady)
	if p.Steady == Endless {
		when = "after a year, and growing"
	}
	return fmt.Sprintf("%s rows, %s, %s", grouped(at.Rows), bytesOf(at.Bytes), when)
}

// svgGrid draws the axes with their figures.
func (f *Forecast) svgGrid(w io.Writer, highest float64) {
	for i := range svgTicks + 1 {
		part := float64(i) / svgTicks
		x, y := svgAt(part, part)
		fmt.Fprintf(w, `<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>`+"\n", svgLeft, y, svgWidth-svgRight, y)
		text(w, svgLeft-8, int(y)+5, "end", "text", briefly(figure(highest*part)))
		at, anchor := "0", "middle"
		if i > 0 {
			at = tick(time.Duration(part * float64(f.horizon())))
		}
		if i == svgTicks {
			anchor = "end"
		}
		text(w, int(x), svgHeight-svgBottom+22, anchor, "text", at)
	}
}

// svgCurve are the points of a line.
func (f *Forecast) svgCurve(p Plan, highest float64) string {
	var points []string
	for i := range plotSamples + 1 {
		part := float64(i) / plotSamples
		x, y := svgAt(part, f.Traffic.At(p, time.Duration(part*float64(f.horizon()))).Rows/highest)
		points = append(points, fmt.Sprintf("%.1f,%.1f", x, y))
	}
	return strings.Join(points, " ")
}

// svgAt places a point of the plot, both from 0 to 1.
func svgAt(x, y float64) (float64, float64) {
	return svgLeft + x*(svgWidth-svgLeft-svgRight), svgTop + (1-y)*(svgHeight-svgTop-svgBottom)
}

func text(w io.Writer, x, y int, anchor, class, s string) {
	fmt.Fprintf(w, `<text class="%s" x="%d" y="%d" text-anchor="%s">%s</text>`+"\n", class, x, y, anchor, html.EscapeString(s))
}

// legend is a plan's name, cut off where there is no room for it, and what it comes to.
func (p *PlanForecast) legend(i, most int) string {
	name, end := []rune(p.Name), p.end()
	if room := max(most-utf8.RuneCountInString(end)-6, 1); len(name) > room {
		name = append(name[:room-1:room-1], '…')
	}
	return fmt.Sprintf("%d: %s: %s", i+1, string(name), end)
}
