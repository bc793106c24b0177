package gaps

import (
	"errors"
	"strconv"
	"strings"
)

// The limits of a text: what a URL carries everywhere.
const (
	// MaxText is the length of a text, in bytes.
	MaxText = 2 << 10
	// MaxTextRanges is how many ranges a text has.
	MaxTextRanges = 100
)

// ErrText is the answer to a text that names no ranges, or too many.
var ErrText = errors.New("gaps: not at most 100 ascending ranges in at most 2 KiB, such as 12,15-17")

// Format writes as many of the ranges as a text holds, from the first on, and returns the others.
func Format(ranges []Range) (text string, rest []Range) {
	b := make([]byte, 0, 64)
	for i, r := range ranges {
		before := len(b)
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, r.From, 10)
		if r.To > r.From {
			b = strconv.AppendInt(append(b, '-'), r.To, 10)
		}
		if len(b) > MaxText || i == MaxTextRanges {
			return string(b[:before]), ranges[i:]
		}
	}
	return string(b), nil
}

// Parse reads what Format wrote: ranges that ascend and share no number, from 1 on.
// "" is none. The error is ErrText.
func Parse(text string) ([]Range, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) > MaxText || strings.Count(text, ",") >= MaxTextRanges {
		return nil, ErrText
	}
	var out []Range
	var last int64
	for part := range strings.SplitSeq(text, ",") {
		first, end, long := strings.Cut(part, "-")
		r := Range{number(first), number(first)}
		if long {
			r.To = number(end)
		}
		if r.From <= last || r.To < r.From || long && r.To == r.From {
			return nil, ErrText
		}
		last = r.To
		out = append(out, r)
	}
	return out, nil
}

// number is a decimal number above zero, in the one way to write it, else 0.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || text[0] == '0' || text[0] == '+' {
		return 0
	}
	return n
}
