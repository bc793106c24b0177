package lint

import (
	"strconv"
	"strings"
	"time"
)

// words are a duration for people: "10 days", "1 hour 30 minutes", "3.6 seconds"; two units at most, the rest cut off.
func words(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + words(-max(d, -Endless))
	case d == Endless: // what is longer is read as that
		return "more than 292 years"
	case d < time.Minute:
		if d < time.Second && d > 0 {
			return count(float64(d)/1e6, "millisecond")
		}
		return count(d.Seconds(), "second")
	}
	var said []string
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{day, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := d / unit.size; n > 0 && len(said) < 2 {
			said = append(said, count(float64(n), unit.name))
			d -= n * unit.size
		}
	}
	return strings.Join(said, " ")
}

// short is a duration as most configurations spell it: "30m", "24h", "7d".
func short(d time.Duration) string {
	switch {
	case d >= 2*day && d%day == 0:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	case d >= time.Hour && d%time.Hour == 0:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	case d >= time.Minute && d%time.Minute == 0:
		return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
	case d >= time.Second && d%time.Second == 0:
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	}
	return d.String()
}

// count is "1 day", "10 days", "3.6 seconds".
func count(n float64, unit string) string {
	said := strconv.FormatFloat(n, 'f', -1, 64)
	if i := strings.IndexByte(said, '.'); i >= 0 && len(said) > i+3 {
		said = strconv.FormatFloat(n, 'f', 2, 64)
	}
	if n != 1 {
		unit += "s"
	}
	return said + " " + unit
}
