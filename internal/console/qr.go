package console

import (
	"fmt"
	"html/template"
	"strings"

	"rsc.io/qr"
)

const (
	// maxQR bounds what is drawn, in bytes: what Sandi makes is far below.
	maxQR = 1024
	// quiet is the border that readers need (ISO/IEC 18004 section 6.3.8), in modules.
	quiet = 4
)

// drawQR is text as an SVG for the page itself, black on white in the dark as well: many readers see no other.
func drawQR(text, label string) (template.HTML, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", fmt.Errorf("draw QR code: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			width := 0
			for x+width < code.Size && code.Black(x+width, y) {
				width++
			}
			if width > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, width, width)
				x += width
			}
		}
	}
	side := code.Size + 2*quiet
	return template.HTML(fmt.Sprintf(
		`<svg class="qr" role="img" aria-label="%s" viewBox="0 0 %d %d" shape-rendering="crispEdges" xmlns="http://www.w3.org/2000/svg"><path fill="#fff" d="M0 0h%dv%dH0z"/><path d="%s"/></svg>`,
		template.HTMLEscapeString(label), side, side, side, side, path.String())), nil
}
