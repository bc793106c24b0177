package lint

import (
	"slices"
	"testing"
	"time"
)

func TestStated(t *testing.T) {
	t.Parallel()
	for comment, want := range map[string]time.Duration{
		"10 days":                                10 * day,
		"= 30 minutes":                           30 * time.Minute,
		"access token: 1h":                       time.Hour,
		"30m":                                    30 * time.Minute,
		"half an hour":                           30 * time.Minute,
		"half a day: 12 hours":                   12 * time.Hour,
		"1 hour 30 minutes":                      90 * time.Minute,
		"1 hour and 30 min.":                     90 * time.Minute,
		"1h30":                                   0,
		"30-minute tokens":                       30 * time.Minute,
		"(24h)":                                  day,
		"an hour":                                time.Hour,
		"10 hari":                                10 * day,
		"satu jam":                               time.Hour,
		"30 menit saja":                          30 * time.Minute,
		"60 detik":                               time.Minute,
		"2 minggu":                               14 * day,
		"864000000 ms = 10 days":                 10 * day,
		"5 minutes by default, at most 1 day":    0,
		"see ticket 4711":                        0,
		"":                                       0,
		"1.5 hours":                              90 * time.Minute,
		"99999999999999999999999999999999 years": 0,
		"users stay logged in for 7 days":        7 * day,
		"3600":                                   0,
	} {
		got, ok := stated(comment)
		if ok != (want > 0) || ok && !slices.ContainsFunc(got, func(d time.Duration) bool { return near(d, want) }) {
			t.Errorf("stated(%q) = %v, %v, want %v", comment, got, ok, want)
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0 seconds", 3600 * time.Millisecond: "3.6 seconds", 120 * time.Millisecond: "120 milliseconds", time.Second: "1 second",
		30 * time.Minute: "30 minutes", 90 * time.Minute: "1 hour 30 minutes", 10 * day: "10 days", day + time.Second: "1 day 1 second",
		-time.Minute: "-1 minute",
	} {
		if got := words(d); got != want {
			t.Errorf("words(%d) = %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{30 * time.Minute: "30m", day: "24h", 7 * day: "7d", 90 * time.Second: "90s", 1500 * time.Millisecond: "1.5s"} {
		if got := short(d); got != want {
			t.Errorf("short(%d) = %q, want %q", d, got, want)
		}
	}
}
