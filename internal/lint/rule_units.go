package lint

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// reading is what a bare number would be in another unit.
type reading struct {
	unit  string
	value time.Duration
}

// confusion finds a number that makes sense only in another unit than the product's: 3600 where milliseconds are read, 3600000 where seconds are.
func (l *Lifetime) confusion() (r reading, ok bool) {
	if l.State != Literal && l.State != Dynamic || l.Number <= 0 || l.Unit <= 0 || l.Kind == ReuseWindow || l.Kind == RevocationWait {
		return r, false
	}
	for _, other := range []reading{{"milliseconds", time.Millisecond}, {"seconds", time.Second}, {"minutes", time.Minute}} {
		if l.Number > int64(math.MaxInt64/other.value) {
			continue
		}
		other.value *= time.Duration(l.Number)
		if other.value > l.Value && l.tooSmall(other.value) || other.value < l.Value && l.tooLarge(other.value) {
			return other, true
		}
	}
	return r, false
}

// tooSmall says that a value is much too short to be meant, where other is a round lifetime; or that it is crooked where other is whole days.
func (l *Lifetime) tooSmall(other time.Duration) bool {
	if l.Unit >= time.Second || other > 400*day || !round(other) {
		return false
	}
	limit := time.Minute
	if l.Kind == Code || l.Kind == DeviceCode {
		limit = time.Second
	}
	return l.Value < limit || other%day == 0 && l.Value%time.Minute != 0
}

// tooLarge says that a value is beyond what the product takes, or longer than a day and crooked, or years, where other is a round lifetime that
// the product takes.
func (l *Lifetime) tooLarge(other time.Duration) bool {
	if !round(other) || other < time.Minute || other < l.Min || l.Max > 0 && other > l.Max {
		return false
	}
	return l.Max > 0 && l.Value > l.Max || l.Value >= day && !round(l.Value) || l.Value > 10*365*day
}

// round says whether people choose such a lifetime: whole minutes, from an hour on whole half hours, from two days on whole days.
func round(d time.Duration) bool {
	switch {
	case d >= 2*day:
		return d%day == 0
	case d >= time.Hour:
		return d%(30*time.Minute) == 0
	}
	return d > 0 && d%time.Minute == 0
}

func unitConfusion(p *Policy, _ Thresholds) []Finding {
	var found []Finding
	for i := range p.Lifetimes {
		l := &p.Lifetimes[i]
		if other, ok := l.confusion(); ok {
			f := l.finding(Error, 0, "%s is read as %s: %d here is %s; in %s it would be %s, which looks meant.", l.Key, unitName(l.Unit), l.Number, words(l.Value), other.unit, words(other.value))
			f.Limit = other.value
			f.Suggest = l.Key + ": " + short(other.value)
			if l.Write != nil {
				f.Suggest = l.Write(other.value)
				f.Fix = &Edit{At: l.At, New: f.Suggest}
			}
			found = append(found, f)
		}
	}
	return found
}

// unitName is a unit in words.
func unitName(d time.Duration) string {
	switch d {
	case time.Nanosecond:
		return "nanoseconds"
	case time.Microsecond:
		return "microseconds"
	case time.Millisecond:
		return "milliseconds"
	case time.Second:
		return "seconds"
	case time.Minute:
		return "minutes"
	case time.Hour:
		return "hours"
	case day:
		return "days"
	}
	return fmt.Sprintf("units of %s", words(d))
}

func commentDisagrees(p *Policy, _ Thresholds) []Finding {
	var found []Finding
	for i := range p.Lifetimes {
		l := &p.Lifetimes[i]
		d, known := l.written()
		if !known && l.State != Never {
			continue
		}
		says, ok := stated(l.Comment)
		if !ok || slices.ContainsFunc(says, func(s time.Duration) bool { return near(s, d) && known }) {
			continue
		}
		is := words(d)
		if !known {
			is = "without end"
		}
		f := l.finding(Warning, 0, "%s is %s, but the comment beside it says %s: one of them is wrong.", l.Key, is, words(says[0]))
		f.Limit = says[0]
		found = append(found, f)
	}
	return found
}

// near is within 5 %.
func near(a, b time.Duration) bool {
	return math.Abs(float64(a-b)) <= 0.05*math.Max(float64(a), float64(b))
}

// stated are the durations that a comment gives; ok is false where there is none, or where they contradict each other, so that it is not clear
// what they are said of ("5 minutes by default, at most 1 day").
func stated(comment string) (all []time.Duration, ok bool) {
	comment = comment[:min(len(comment), longestComment)]
	fields := strings.FieldsFunc(comment, func(c rune) bool {
		return unicode.IsSpace(c) || strings.ContainsRune("-_=()[]{},;:/~\"'`<>", c)
	})
	var sum time.Duration
	flush := func() {
		if sum > 0 {
			all = append(all, sum)
		}
		sum = 0
	}
	last := time.Duration(math.MaxInt64)
	for i := 0; i < len(fields); i++ {
		d, unit, used := amount(fields[i:])
		switch {
		case used == 0 && (fields[i] == "and" || fields[i] == "dan") && sum > 0:
			continue
		case used == 0, unit >= last: // another one, unless it is a smaller part: 1 hour 30 minutes
			flush()
		}
		if used > 0 {
			sum += d
			last = unit
			i += used - 1
		} else {
			last = math.MaxInt64
		}
	}
	flush()
	return all, len(all) > 0 && !slices.ContainsFunc(all, func(d time.Duration) bool { return !near(d, all[0]) })
}

// amount reads "10 days", "10days", "an hour" at the beginning of words; used is how many words that took.
func amount(fields []string) (d, unit time.Duration, used int) {
	word := strings.TrimRight(strings.ToLower(fields[0]), ".!?")
	if word == "half" && len(fields) > 1 {
		if d, _, used = amount(fields[1:min(len(fields), 3)]); used > 0 {
			return d / 2, 0, used + 1 // nothing is added to a half
		}
	}
	digits := strings.IndexFunc(word, func(c rune) bool { return (c < '0' || c > '9') && c != '.' })
	number, rest := word, ""
	if digits >= 0 {
		number, rest = word[:digits], word[digits:]
	}
	used = 1
	switch {
	case number == "" && (word == "a" || word == "an" || word == "one" || word == "satu"):
		number, rest = "1", ""
	case number == "" && word == "sehari":
		return day, day, 1
	case number == "" && word == "sejam":
		return time.Hour, time.Hour, 1
	}
	if rest == "" && len(fields) > 1 {
		rest, used = strings.TrimRight(strings.ToLower(fields[1]), ".!?"), 2
	}
	n, err := strconv.ParseFloat(number, 64)
	unit, ok := unitWord(rest)
	if err != nil || !ok || n <= 0 || n*float64(unit) > math.MaxInt64/16 {
		return 0, 0, 0
	}
	return time.Duration(n * float64(unit)), unit, used
}

// unitWord is a unit of English or Indonesian.
func unitWord(word string) (unit time.Duration, ok bool) {
	switch word {
	case "ms", "msec", "msecs", "millisecond", "milliseconds", "milidetik":
		return time.Millisecond, true
	case "s", "sec", "secs", "second", "seconds", "detik":
		return time.Second, true
	case "m", "min", "mins", "minute", "minutes", "menit":
		return time.Minute, true
	case "h", "hr", "hrs", "hour", "hours", "jam":
		return time.Hour, true
	case "d", "day", "days", "hari":
		return day, true
	case "w", "week", "weeks", "minggu":
		return 7 * day, true
	case "month", "months", "bulan":
		return 30 * day, true
	case "y", "year", "years", "tahun":
		return 365 * day, true
	}
	return 0, false
}
