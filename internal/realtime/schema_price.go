package realtime

import (
	"encoding/json"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// What a schema costs depends on the message too: 10,000 numbers of which each is compared with 10,000 others keep a processor busy for
// minutes. So each schema has a price, and a message that would cost more than budget is not validated but refused.

// budget is what a message may cost, in units of about 100 ns.
const budget = 5_000_000

// price is what a schema costs at most, for each value and for each byte of a message.
type price struct{ value, byte int }

// priceOf adds up what can judge the same value.
func priceOf(s *jsonschema.Schema) (p price) {
	values, bytes := newCosts(valueWeight, budget), newCosts(byteWeight, 10*budget)
	for v := scalar; v <= object; v++ {
		p.value, p.byte = max(p.value, values.of(s, v, maxDepth)), max(p.byte, bytes.of(s, v, maxDepth))
	}
	return p
}

// pays says why a message costs too much.
func (p price) pays(doc any, bytes int) error {
	if p.value*count(doc)+p.byte*bytes/10 <= budget {
		return nil
	}
	return &Error{Code: "invalid", Msg: "data is too much for the channel's schema to be checked: send fewer values at once"}
}

// count is how many values and names there are in a message; a number with an exponent counts as ten.
func count(doc any) int {
	n := 1
	switch v := doc.(type) {
	case json.Number:
		return weighNumber(v) / numberWeight
	case []any:
		for _, e := range v {
			n += count(e)
		}
	case map[string]any:
		for _, e := range v {
			n += 1 + count(e)
		}
	}
	return n
}

// numberWeight is what it costs to read a number exactly, as every comparison does.
const numberWeight = 10

func weighNumber(n json.Number) int {
	if strings.ContainsAny(n.String(), "eE") { // a thousand digits
		return 10 * numberWeight
	}
	return numberWeight
}

// valueWeight is what s itself costs for one value, without the schemas in it.
func valueWeight(s *jsonschema.Schema) int {
	n := 1 + len(s.Required)
	if s.Enum != nil {
		n += weigh(s.Enum.Values)
	}
	if s.Const != nil {
		n += weigh(*s.Const)
	}
	if s.Maximum != nil || s.Minimum != nil || s.ExclusiveMaximum != nil || s.ExclusiveMinimum != nil {
		n += 5 * numberWeight
	}
	if s.MultipleOf != nil {
		n += 50 * numberWeight
	}
	if s.UniqueItems {
		n += 10 * numberWeight // a value is compared with up to 20
	}
	if s.Format != nil && s.Format.Name == "regex" {
		n += maxPattern
	}
	for _, names := range s.DependentRequired {
		n += len(names)
	}
	for _, d := range s.Dependencies {
		if names, ok := d.([]string); ok {
			n += len(names)
		}
	}
	return n
}

// weigh is what it costs to compare with a constant.
func weigh(v any) int {
	n := 1
	switch v := v.(type) {
	case json.Number:
		return weighNumber(v)
	case []any:
		for _, e := range v {
			n += weigh(e)
		}
	case map[string]any:
		for _, e := range v {
			n += weigh(e)
		}
	}
	return n
}

// byteWeight is what s costs for each byte of a text or name, in tenths: a step of each state of its regular expressions.
func byteWeight(s *jsonschema.Schema) int {
	n := 1 + sizeOf(s.Pattern)
	for p := range s.PatternProperties {
		n += sizeOf(p)
	}
	return n
}

// maxPattern and maxPatterns bound a regular expression, and those of a schema together, each of which is compiled twice.
const (
	maxPattern  = 5_000 // states
	maxPatterns = 50_000
)

// pattern is a regular expression that knows how many states it has.
type pattern struct {
	*regexp.Regexp
	states int
}

func sizeOf(r jsonschema.Regexp) int {
	if p, ok := r.(*pattern); ok {
		return p.states
	}
	return 0
}

// patterns compiles those of one schema. Once it is made, those of messages (format regex) are bounded each by itself.
type patterns struct {
	total int
	made  bool
}

func (p *patterns) compile(text string) (jsonschema.Regexp, error) {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	n := states(tree)
	if !p.made {
		p.total += n
	}
	if n > maxPattern || p.total > 2*maxPatterns {
		return nil, fmt.Errorf("regular expression %.40q is too large, or there are too many: have shorter repetitions, or maxLength", text)
	}
	r, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	return &pattern{r, n}, nil
}

// states is about how many instructions the tree becomes.
func states(re *syntax.Regexp) int {
	n := 1
	if re.Op == syntax.OpLiteral {
		n = len(re.Rune)
	}
	for _, sub := range re.Sub {
		n = min(n+states(sub), 2*maxPattern)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max, 1)
	}
	return min(n, 2*maxPattern)
}
