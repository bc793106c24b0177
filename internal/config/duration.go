package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// units are those a duration is written in, greatest first.
var units = []struct {
	name string
	size time.Duration
}{
	{"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond},
}

var errDuration = errors.New("is not a duration; write whole numbers with units, greatest first: 15m, 30d, 14d12h (d, h, m, s, ms)")

// ParseDuration reads a duration such as "15m", "30d" or "14d12h": whole
// numbers, each with one of the units d (24 hours), h, m, s and ms, each unit
// at most once, greatest first. There is no sign, no fraction and no "never".
func ParseDuration(s string) (time.Duration, error) {
	var sum time.Duration
	rest, next := s, 0
	for rest != "" {
		digits := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if digits <= 0 {
			return 0, errDuration
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		if err != nil {
			return 0, errDuration
		}
		rest = rest[digits:]
		name := rest[:len(rest)-len(strings.TrimLeft(rest, "dhms"))]
		for next < len(units) && units[next].name != name {
			next++
		}
		if next == len(units) || n > int64((math.MaxInt64-sum)/units[next].size) {
			return 0, errDuration
		}
		sum += time.Duration(n) * units[next].size
		rest, next = rest[len(name):], next+1
	}
	if s == "" {
		return 0, errDuration
	}
	return sum, nil
}

// FormatDuration writes d as ParseDuration reads it, to the millisecond.
func FormatDuration(d time.Duration) string {
	if d < time.Millisecond {
		return "0s"
	}
	var b strings.Builder
	for _, u := range units {
		if n := d / u.size; n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10) + u.name)
			d -= n * u.size
		}
	}
	return b.String()
}
