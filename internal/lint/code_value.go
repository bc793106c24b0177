package lint

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// valueKind is what an expression gives.
type valueKind uint8

const (
	unknownValue valueKind = iota
	numberValue
	textValue
	durationValue
	boolValue
	nothingValue // None, null, undefined
	momentValue  // a point in time: scale x the seconds since 1970, and number more; scale 0 is a date with duration more
)

// value is what an expression gives, as far as the file tells. A dynamic one is known only when the program runs; it may still have a kind:
// then that is what it falls back to.
type value struct {
	kind     valueKind
	number   float64
	scale    float64
	text     string
	duration time.Duration
	truth    bool
	dynamic  bool
	request  bool   // whoever calls chooses it
	ref      string // of a dynamic one, as it is written
	named    bool   // a name or a call is in it: no literal
	node     *node  // of a text: where it stands
}

// value evaluates an expression.
func (c *code) value(n *node) value {
	if n == nil {
		return value{}
	}
	switch n.kind {
	case numberNode:
		return number(n.text)
	case textNode:
		return value{kind: textValue, text: n.text, node: n}
	case nameNode:
		return c.nameValue(n)
	case unaryNode:
		return c.unaryValue(n)
	case binaryNode:
		return c.binaryValue(n)
	case choiceNode:
		return c.choice(n)
	case callNode, memberNode, indexNode:
		if v, ok := c.evaluated[n]; ok {
			return v
		}
		c.evaluated[n] = value{dynamic: true, named: true, ref: c.short(n)} // what is made of itself
		v := c.meaning(n)
		v.named = true
		if v.kind == unknownValue || v.dynamic {
			v.dynamic = true
			if v.ref == "" {
				v.ref = c.short(n)
			}
			v.request = v.request || v.kind == unknownValue && c.fromRequest(n)
		}
		c.evaluated[n] = v
		return v
	}
	return c.unknown(n)
}

func (c *code) unknown(n *node) value {
	return value{dynamic: true, named: true, ref: c.short(n), request: c.fromRequest(n)}
}

// short is an expression for a message.
func (c *code) short(n *node) string {
	raw := c.raw(n)
	words := strings.Join(strings.Fields(raw[:min(len(raw), 200)]), " ")
	if len(words) > 60 {
		words = strings.ToValidUTF8(words[:57], "") + "..."
	}
	return words
}

// number reads 3600, 3_600, 1.5, 1e3, 0x10 and 10n.
func number(text string) value {
	text = strings.TrimSuffix(strings.ReplaceAll(text, "_", ""), "n")
	if n, err := strconv.ParseInt(text, 0, 64); err == nil && len(text) > 1 && text[0] == '0' {
		return value{kind: numberValue, number: float64(n)}
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(n, 0) {
		return value{}
	}
	return value{kind: numberValue, number: n}
}

func (c *code) nameValue(n *node) value {
	switch n.text {
	case "True", "true":
		return value{kind: boolValue, truth: true}
	case "False", "false":
		return value{kind: boolValue}
	case "None", "null", "undefined":
		return value{kind: nothingValue}
	}
	v, ok := c.known[n.text]
	if !ok {
		c.known[n.text] = value{dynamic: true, ref: n.text} // a name that is made of itself
		if values := c.assigned[n.text]; len(values) == 1 && values[0] != nil {
			v = c.value(values[0])
		} else {
			v = value{dynamic: true}
		}
		if v.dynamic && v.ref == "" {
			v.ref = n.text
		}
		c.known[n.text] = v
	}
	v.named = true
	return v
}

func (c *code) unaryValue(n *node) value {
	v := c.value(n.kids[0])
	switch {
	case n.text == "-" && v.kind == numberValue:
		v.number = -v.number
	case n.text == "-" && v.kind == durationValue:
		v.duration = -v.duration
	case (n.text == "!" || n.text == "not") && v.kind == boolValue:
		v.truth = !v.truth
	case n.text == "+" && v.kind == textValue: // a number in JavaScript
		return asNumber(v)
	case n.text == "+":
	default:
		v.kind, v.dynamic = unknownValue, true
	}
	return v
}

// asNumber is what Number(), parseInt() and int() make of a value.
func asNumber(v value) value {
	if v.kind == textValue {
		n := number(strings.TrimSpace(v.text))
		v.kind, v.number = n.kind, n.number
		if n.kind == unknownValue {
			v.dynamic = true
		}
	}
	return v
}

// mixed is what two values have in common as what is made of both.
func mixed(a, b value) value {
	v := value{dynamic: a.dynamic || b.dynamic, request: a.request || b.request, named: a.named || b.named, ref: a.ref}
	if v.ref == "" {
		v.ref = b.ref
	}
	return v
}

func (c *code) binaryValue(n *node) value {
	a, b := c.value(n.kids[0]), c.value(n.kids[1])
	switch n.text {
	case "or", "||", "??":
		switch {
		case !a.dynamic && a.kind != nothingValue:
			return a
		case !a.dynamic:
			return b
		}
		v := b
		v.dynamic, v.named, v.ref, v.request = true, true, a.ref, a.request || b.request
		return v
	}
	v := mixed(a, b)
	switch {
	case a.kind == numberValue && b.kind == numberValue:
		v.kind, v.number = numberValue, arithmetic(n.text, a.number, b.number)
	case a.kind == durationValue && b.kind == durationValue:
		v.kind, v.duration = durationValue, ofSeconds(arithmetic(n.text, a.duration.Seconds(), b.duration.Seconds()))
	case a.kind == durationValue && b.kind == numberValue && strings.Contains("* / //", n.text):
		v.kind, v.duration = durationValue, ofSeconds(arithmetic(n.text, a.duration.Seconds(), b.number))
	case a.kind == numberValue && b.kind == durationValue && n.text == "*":
		v.kind, v.duration = durationValue, ofSeconds(a.number*b.duration.Seconds())
	case a.kind == momentValue:
		return moment(n.text, a, b, v)
	case b.kind == momentValue && n.text == "+":
		return moment(n.text, b, a, v)
	case a.kind == textValue && b.kind == textValue && n.text == "+":
		v.kind, v.text, v.node = textValue, a.text+b.text, a.node
	}
	if v.kind == unknownValue || math.IsNaN(v.number) || math.IsInf(v.number, 0) {
		return value{dynamic: true, named: true, ref: c.short(n), request: v.request}
	}
	return v
}

// moment adds to a point in time, or changes what it is counted in.
func moment(operator string, a, b, v value) value {
	switch {
	case b.kind == numberValue && (operator == "+" || operator == "-"):
		a.number = arithmetic(operator, a.number, b.number)
	case b.kind == numberValue && (operator == "/" || operator == "//" || operator == "*") && b.number != 0:
		a.number, a.scale = arithmetic(operator, a.number, b.number), arithmetic(operator[:1], a.scale, b.number)
	case b.kind == durationValue && (operator == "+" || operator == "-"):
		a.duration = ofSeconds(arithmetic(operator, a.duration.Seconds(), b.duration.Seconds()))
	default:
		v.dynamic = true
		return v
	}
	a.dynamic, a.named, a.ref, a.request = v.dynamic, true, v.ref, v.request
	return a
}

// arithmetic is NaN for what it does not know.
func arithmetic(operator string, a, b float64) float64 {
	switch operator {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	case "//":
		return math.Floor(a / b)
	case "%":
		return math.Mod(a, b)
	case "**":
		return math.Pow(a, b)
	}
	return math.NaN()
}

// ofSeconds is a duration; what is longer than one can be is the longest.
func ofSeconds(n float64) time.Duration {
	n *= float64(time.Second)
	switch {
	case math.IsNaN(n):
		return 0
	case n >= math.MaxInt64:
		return math.MaxInt64
	case n <= math.MinInt64:
		return math.MinInt64
	}
	return time.Duration(math.Round(n))
}

// choice is not known; it falls back to the longer of the two.
func (c *code) choice(n *node) value {
	a, b := c.value(n.kids[1]), c.value(n.kids[2])
	v := a
	if b.kind != unknownValue && (a.kind == unknownValue || b.kind == nothingValue || longer(b, a)) {
		v = b
	}
	v.dynamic, v.named, v.ref = true, true, c.short(n)
	v.request = a.request || b.request
	return v
}

func longer(a, b value) bool {
	if a.kind == textValue && b.kind == textValue {
		x, _, _ := spell(a.text)
		y, _, _ := spell(b.text)
		return x > y
	}
	return a.kind == b.kind && (a.number > b.number || a.duration > b.duration)
}

// fromRequest says whether an expression takes anything that the caller sent.
func (c *code) fromRequest(n *node) bool {
	return n.any(func(n *node) bool {
		if n.kind != memberNode {
			return false
		}
		switch n.text {
		case "body", "query", "params", "headers", "cookies", "args", "json", "form", "values", "get_json", "GET", "POST", "data", "query_params":
			if n.kids[0].kind == nameNode {
				switch n.kids[0].text {
				case "req", "request":
					return true
				}
			}
		}
		return false
	})
}
