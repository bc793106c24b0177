package lint

import (
	"strconv"
	"strings"
	"time"
)

// javaScriptMeaning evaluates calls, members and indices.
func (c *code) javaScriptMeaning(n *node) value {
	if n.kind != callNode {
		if n.kind == memberNode {
			if v, _ := c.resolved(n.kids[0]).pair(n.text); v != nil && c.resolved(n.kids[0]).kind == mapNode { // config.ttl
				return c.value(v)
			}
		}
		return value{}
	}
	callee := c.called(n.kids[0])
	first := n.argument(0, "")
	switch last := callee[strings.LastIndexByte(callee, '.')+1:]; {
	case callee == "Number", last == "parseInt", last == "parseFloat":
		return asNumber(c.value(first))
	case callee == "Math.floor", callee == "Math.round", callee == "Math.ceil", callee == "Math.trunc", callee == "String":
		return c.value(first)
	case callee == "Math.min":
		return c.least(n)
	case callee == "Date.now", last == "getTime", last == "valueOf":
		if n.kids[0].kind == memberNode && callee != "Date.now" {
			if v := c.value(n.kids[0].kids[0]); v.kind == momentValue {
				return v
			}
		}
		return value{kind: momentValue, scale: 1000}
	case callee == "Date" && first != nil:
		return c.value(first)
	case callee == "Date":
		return value{kind: momentValue, scale: 1000}
	case callee == "ms" && first != nil:
		return c.spelt(first)
	case callee == "Buffer.from":
		return c.value(first)
	case (last == "get" || last == "getOrThrow") && len(n.arguments()) == 2: // configService.get("TTL", "1h")
		v := c.value(n.arguments()[1])
		v.dynamic, v.ref, v.request = true, c.short(n), c.fromRequest(n)
		return v
	}
	return value{}
}

// spelt is what ms("1h") gives, in milliseconds.
func (c *code) spelt(n *node) value {
	v := c.value(n)
	if v.kind == textValue {
		d, _, ok := spell(v.text)
		if !ok {
			return value{}
		}
		v.kind, v.number = numberValue, float64(d/time.Millisecond)
	}
	return v
}

// spell reads a time span as the package ms has it: "2 days", "1.5h", "120" which is milliseconds. bare says that it had no unit.
func spell(text string) (d time.Duration, bare, ok bool) {
	text = strings.TrimSpace(strings.ToLower(text))
	i := strings.IndexFunc(text, func(c rune) bool { return (c < '0' || c > '9') && c != '.' && c != '-' })
	number, unit := text, "ms"
	if i >= 0 {
		number, unit = text[:i], strings.TrimLeft(text[i:], " ")
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || len(text) > 100 {
		return 0, false, false
	}
	size, ok := spellUnit(unit)
	return ofSeconds(n * size), i < 0, ok
}

// spellUnit is a unit in seconds. A year has 365.25 days.
func spellUnit(unit string) (size float64, ok bool) {
	switch unit {
	case "ms", "msec", "msecs", "millisecond", "milliseconds":
		return 0.001, true
	case "s", "sec", "secs", "second", "seconds":
		return 1, true
	case "m", "min", "mins", "minute", "minutes":
		return 60, true
	case "h", "hr", "hrs", "hour", "hours":
		return 3600, true
	case "d", "day", "days":
		return 86400, true
	case "w", "week", "weeks":
		return 7 * 86400, true
	case "y", "yr", "yrs", "year", "years":
		return 365.25 * 86400, true
	}
	return 0, false
}

// javaScriptLifetime reads expiresIn: a number of seconds, or a text for the package ms.
func (c *code) javaScriptLifetime(kind Kind, n *node) Lifetime {
	v := c.value(n)
	l := Lifetime{Kind: kind, Key: "expiresIn", At: c.span(n), Raw: c.raw(n), Comment: c.comment(n), State: Literal}
	switch {
	case v.request:
		l.State, l.Ref, l.FromRequest = Dynamic, v.ref, true
		return l
	case v.dynamic && v.kind != numberValue && v.kind != textValue:
		l.State, l.Ref = Dynamic, v.ref
		return l
	case v.kind == numberValue && v.number == float64(int64(v.number)):
		l.Value, l.Unit, l.Number = ofSeconds(v.number), time.Second, int64(v.number)
	case v.kind == textValue:
		d, bare, ok := spell(v.text)
		l.Value = d
		if !ok {
			l.State, l.Problem = Wrong, "is neither a number of seconds nor a time span like 30m: sign throws"
		}
		if bare {
			l.Unit, l.Number = time.Millisecond, int64(d/time.Millisecond)
		}
	default:
		l.State, l.Problem = Wrong, "is neither a whole number of seconds nor a time span like 30m: sign throws"
	}
	if l.State == Literal && l.Value <= 0 {
		l.State, l.Problem = Wrong, "is no time at all: every token has expired when it is made"
	}
	if v.dynamic && l.State != Wrong {
		l.State, l.Ref, l.HasFallback = Dynamic, v.ref, true
	}
	if !v.named {
		l.Write = c.javaScriptWrite(n)
	}
	return l
}

// javaScriptWrite spells a lifetime as it was spelt before: seconds, or a time span in the same quotes.
func (c *code) javaScriptWrite(n *node) func(time.Duration) string {
	if n.kind != textNode {
		return func(d time.Duration) string { return countOf(d, time.Second) }
	}
	quote := c.text[n.start : n.start+1]
	return func(d time.Duration) string { return quote + short(d) + quote }
}
