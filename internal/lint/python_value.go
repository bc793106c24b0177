package lint

import (
	"slices"
	"strings"
	"time"
)

// pythonMeaning evaluates calls, members and indices.
func (c *code) pythonMeaning(n *node) value {
	switch n.kind {
	case indexNode, memberNode:
		if n.kind == memberNode && n.kids[0].kind == nameNode { // Config.TTL
			if v := c.value(newNode(nameNode, n.text, n.start, n.end)); !v.dynamic {
				return v
			}
		}
		return value{}
	}
	callee := c.called(n.kids[0])
	last := callee[strings.LastIndexByte(callee, '.')+1:]
	switch {
	case last == "timedelta" || last == "relativedelta":
		return c.timedelta(n)
	case last == "int" || last == "float" || last == "str" || last == "round" || last == "abs" || last == "eval":
		v := c.value(n.argument(0, ""))
		if last == "str" {
			return v
		}
		return asNumber(v)
	case last == "bool" || last == "strtobool":
		return value{}
	case last == "min" && len(n.arguments()) > 1:
		return c.least(n)
	case callee == "time.time", last == "timestamp", last == "timegm", last == "mktime":
		if len(n.kids[0].kids) > 0 && last == "timestamp" {
			if v := c.value(n.kids[0].kids[0]); v.kind == momentValue {
				return value{kind: momentValue, scale: 1, number: v.duration.Seconds()}
			}
		}
		return value{kind: momentValue, scale: 1}
	case strings.HasSuffix(callee, "datetime.utcnow"), strings.HasSuffix(callee, "datetime.now"), strings.HasSuffix(callee, "timezone.now"):
		return value{kind: momentValue}
	case last == "total_seconds" && n.kids[0].kind == memberNode:
		v := c.value(n.kids[0].kids[0])
		if v.kind == durationValue {
			v.kind, v.number = numberValue, v.duration.Seconds()
		}
		return v
	}
	return c.environment(n, callee, last)
}

// environment is what is read from outside, with what it falls back to.
func (c *code) environment(n *node, callee, last string) value {
	if !slices.Contains([]string{"getenv", "get", "config", "env", "int", "str", "timedelta", "bool", "pop"}, last) {
		return value{}
	}
	v := value{dynamic: true}
	if fallback := n.argument(1, "default"); fallback != nil {
		v = c.value(fallback)
		if v.kind == textValue {
			if number := asNumber(v); number.kind == numberValue && !number.dynamic {
				v = number
			}
		}
		v.dynamic = true
	}
	v.ref, v.request = c.short(n), c.fromRequest(n)
	return v
}

// least is the smallest of what is known: what a value is clamped to.
func (c *code) least(n *node) value {
	best := value{dynamic: true}
	clamped := false
	for _, argument := range n.arguments() {
		v := c.value(argument)
		if v.kind != numberValue && v.kind != durationValue || v.dynamic {
			continue
		}
		if !clamped || longer(best, v) {
			best, clamped = v, true
		}
	}
	best.dynamic, best.ref = true, c.short(n)
	if !clamped {
		best.request = c.fromRequest(n)
	}
	return best
}

// timedelta adds up its arguments: days, seconds, microseconds, milliseconds, minutes, hours, weeks, in this order.
func (c *code) timedelta(n *node) value {
	sum := value{kind: durationValue}
	names := []string{"days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks"}
	i := 0
	for _, argument := range n.kids[1:] {
		name := ""
		at := argument
		switch {
		case argument.kind == pairNode:
			name, at = argument.text, argument.kids[0]
		case i < len(names):
			name = names[i]
			i++
		}
		unit := pythonUnit(name)
		v := c.value(at)
		if unit == 0 || v.kind != numberValue {
			return value{dynamic: true, named: true, ref: c.short(n), request: c.fromRequest(n) || v.request}
		}
		sum.duration = ofSeconds(sum.duration.Seconds() + v.number*unit.Seconds())
		sum.dynamic, sum.request = sum.dynamic || v.dynamic, sum.request || v.request
		sum.named = sum.named || v.named
		if v.dynamic && sum.ref == "" {
			sum.ref = v.ref
		}
	}
	return sum
}

func pythonUnit(name string) time.Duration {
	switch name {
	case "microseconds":
		return time.Microsecond
	case "milliseconds":
		return time.Millisecond
	case "seconds":
		return time.Second
	case "minutes":
		return time.Minute
	case "hours":
		return time.Hour
	case "days":
		return day
	case "weeks":
		return 7 * day
	case "months":
		return 30 * day
	case "years":
		return 365 * day
	}
	return 0
}

// pythonLifetime reads a setting that is a duration or, where units is set, a number of those. never says which values are no end.
func (c *code) pythonLifetime(kind Kind, key string, n *node, units time.Duration, never func(v value) bool) Lifetime {
	v := c.value(n)
	l := Lifetime{Kind: kind, Key: key, At: c.span(n), Raw: c.raw(n), Comment: c.comment(n), State: Literal, Unit: units}
	switch {
	case v.request:
		l.State, l.Ref, l.FromRequest = Dynamic, v.ref, true
		return l
	case v.kind == unknownValue:
		l.State, l.Ref = Dynamic, v.ref
		return l
	case never(v):
		l.State = Never
	case v.kind == durationValue:
		l.Value, l.Unit = v.duration, 0
	case v.kind == numberValue && units > 0:
		l.Value, l.Number = ofSeconds(v.number*units.Seconds()), int64(v.number)
	case v.dynamic:
		l.State, l.Ref = Dynamic, v.ref
		return l
	default:
		l.State, l.Problem = Wrong, "is neither a timedelta nor a number of seconds: it fails when a token is made"
		if units == 0 {
			l.Problem = "is no timedelta: it fails when a token is made"
		}
	}
	if l.State == Literal && l.Value <= 0 {
		l.State, l.Problem = Wrong, "is no time at all: every token has expired when it is made"
	}
	if v.dynamic && l.State != Wrong {
		l.HasFallback = l.State == Literal
		l.State, l.Ref = Dynamic, v.ref
	}
	l.Write = c.pythonWrite(n, units)
	return l
}

// pythonWrite spells a lifetime as it was spelt before: a timedelta or seconds. Nothing is written where a name or a function is in it.
func (c *code) pythonWrite(n *node, units time.Duration) func(time.Duration) string {
	if n.kind == callNode && strings.HasSuffix(c.called(n.kids[0]), "timedelta") {
		for _, argument := range n.kids[1:] {
			if c.value(argumentValue(argument)).named {
				return nil
			}
		}
		callee := c.raw(n.kids[0])
		return func(d time.Duration) string { return callee + "(" + pythonSpelt(d) + ")" }
	}
	v := c.value(n)
	literal := n.kind == nameNode && (v.kind == boolValue || v.kind == nothingValue) && !v.named || n.kind != nameNode && !v.named
	if !literal || units == 0 {
		return nil
	}
	return func(d time.Duration) string { return countOf(d, units) }
}

func argumentValue(n *node) *node {
	if n.kind == pairNode {
		return n.kids[0]
	}
	return n
}

// pythonSpelt is the argument of a timedelta in the largest unit that fits.
func pythonSpelt(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{day, "days"}, {time.Hour, "hours"}, {time.Minute, "minutes"}} {
		if d >= unit.size && d%unit.size == 0 {
			return unit.name + "=" + countOf(d, unit.size)
		}
	}
	return "seconds=" + countOf(d, time.Second)
}
