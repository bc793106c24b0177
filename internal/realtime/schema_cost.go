package realtime

import (
	"errors"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A schema of a few lines can have one value checked in 2^50 ways: a: allOf [b, b], b: allOf [c, c] and so on, or branches that refer back
// to the whole. Nothing ends a validation that has begun, so that such a schema is refused when it is made.

// maxCost is how often one value of a message may be checked, maxSteps how long it may take to find out.
const (
	maxCost  = 2000
	maxSteps = 200_000
)

// value is what a value of a message can be, as far as the price depends on it.
type value byte

const (
	scalar value = iota
	array
	object
)

// costs remembers the price of each schema for a value of a kind, with so many levels below it.
type costs struct {
	weight func(*jsonschema.Schema) int // of a schema by itself
	most   int                          // beyond which it does not count
	known  map[costKey]int
	steps  int
}

func newCosts(weight func(*jsonschema.Schema) int, most int) *costs {
	return &costs{weight: weight, most: most, known: map[costKey]int{}}
}

type costKey struct {
	schema *jsonschema.Schema
	value  value
	below  int
}

func checkCost(s *jsonschema.Schema) error {
	c := newCosts(func(*jsonschema.Schema) int { return 1 }, maxCost)
	for v := scalar; v <= object; v++ {
		if c.of(s, v, maxDepth) > maxCost {
			return errors.New("it can have one value checked too often: have fewer branches (allOf, anyOf, oneOf, not, if, $ref) lead to the same schema")
		}
	}
	return nil
}

// of is how often values at any one place below are checked, at most, by the time that s has judged a value.
func (c *costs) of(s *jsonschema.Schema, v value, below int) int {
	if s == nil {
		return 0
	}
	key := costKey{s, v, below}
	if n, ok := c.known[key]; ok {
		return n
	}
	if c.steps++; c.steps > maxSteps {
		return c.most + 1
	}
	c.known[key] = 1 // a reference to itself at the same value is a cycle, which the validator ends
	if s.Bool != nil || !mayBe(s, v) {
		return 1
	}
	n := min(c.weight(s), c.most+1)
	for _, part := range inPlace(s) {
		n = min(n+c.of(part, v, below), c.most+1)
	}
	if below > 0 && v != scalar {
		deepest := 0
		for child := scalar; child <= object; child++ {
			deepest = max(deepest, c.child(s, v, child, below-1))
		}
		n = min(n+deepest, c.most+1)
	}
	c.known[key] = n
	return n
}

// mayBe says whether the type of s leaves anything to check in such a value.
func mayBe(s *jsonschema.Schema, v value) bool {
	if s.Types == nil || s.Types.IsEmpty() {
		return true
	}
	for _, t := range s.Types.ToStrings() {
		if kind := kindOf(t); kind == v {
			return true
		}
	}
	return false
}

func kindOf(jsonType string) value {
	switch jsonType {
	case "array":
		return array
	case "object":
		return object
	}
	return scalar
}

// inPlace are the schemas that judge the same value as s.
func inPlace(s *jsonschema.Schema) []*jsonschema.Schema {
	parts := []*jsonschema.Schema{s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else}
	if s.DynamicRef != nil {
		parts = append(parts, s.DynamicRef.Ref)
	}
	parts = append(append(append(parts, s.AllOf...), s.AnyOf...), s.OneOf...)
	for _, d := range s.DependentSchemas {
		parts = append(parts, d)
	}
	for _, d := range s.Dependencies {
		if d, ok := d.(*jsonschema.Schema); ok {
			parts = append(parts, d)
		}
	}
	return parts
}

// child is what one member or element of a value costs: all schemas that may judge the same one.
func (c *costs) child(s *jsonschema.Schema, parent, v value, below int) int {
	if parent == array {
		return c.element(s, v, below)
	}
	named := 0
	for _, p := range s.Properties {
		named = max(named, c.of(p, v, below))
	}
	n := c.of(s.PropertyNames, scalar, 0) + c.of(s.UnevaluatedProperties, v, below)
	for _, p := range s.PatternProperties {
		n += c.of(p, v, below)
	}
	if p, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
		named = max(named, c.of(p, v, below))
	}
	return n + named
}

func (c *costs) element(s *jsonschema.Schema, v value, below int) int {
	n := c.of(s.Contains, v, below) + c.of(s.UnevaluatedItems, v, below)
	placed := c.of(s.Items2020, v, below)
	list := s.PrefixItems
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		placed = max(placed, c.of(items, v, below))
	case []*jsonschema.Schema:
		list = append(list[:len(list):len(list)], items...)
	}
	for _, p := range list {
		placed = max(placed, c.of(p, v, below))
	}
	if p, ok := s.AdditionalItems.(*jsonschema.Schema); ok {
		placed = max(placed, c.of(p, v, below))
	}
	return n + placed
}
