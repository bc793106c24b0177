package lint

import (
	"math"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Limits of evaluation: an expression that needs more is not known. Locals that double each other would take for ever.
const (
	maxSteps  = 1000
	maxString = 1 << 16
)

type tfKind int

const (
	tfAbsent tfKind = iota
	tfNull
	tfNumber
	tfText
	tfBool
	tfList
	tfUnknown
)

// tfValue is what an expression is.
type tfValue struct {
	kind   tfKind
	number float64
	text   string
	yes    bool
	items  []tfValue
	// ref is what it depends on: a variable, of which it is the default, or, where it is unknown, whatever cannot be followed.
	ref string
	// constant says that it is written here and nowhere else, so that it can be rewritten here.
	constant   bool
	start, end int
}

// tfScope is what names mean.
type tfScope struct {
	named map[string]tfExpr // "var.x", "local.x"
	steps int
}

// value is what an argument is; of kind tfAbsent where it is not there.
func (t *terraform) value(s *tfSection, name string) tfValue {
	a, ok := s.setting(name)
	if !ok {
		return tfValue{}
	}
	t.values.steps = 0
	return t.values.eval(a.value)
}

// eval is what an expression is, standing where that stands.
func (s *tfScope) eval(e tfExpr) (v tfValue) {
	s.steps++
	switch {
	case e.items != nil:
		v = tfValue{kind: tfList, constant: true}
		for _, item := range e.items {
			v.items = append(v.items, s.eval(item))
		}
	case e.Expression == nil:
		v = tfValue{kind: tfUnknown}
	default:
		v = s.of(e)
	}
	v.start, v.end = e.start, e.end
	if v.kind == tfUnknown && v.ref == "" {
		v.ref = e.source()
	}
	return v
}

// source is an expression as it is written, shortened.
func (e tfExpr) source() string {
	if e.Expression == nil {
		return "an expression"
	}
	at := e.Range()
	if at.Start.Byte > at.End.Byte || at.End.Byte > len(e.text) {
		return "an expression"
	}
	text := strings.Join(strings.Fields(string(e.text[at.Start.Byte:min(at.End.Byte, at.Start.Byte+200)])), " ")
	if len(text) > 60 {
		text = strings.ToValidUTF8(text[:57], "") + "..."
	}
	return text
}

// in is an expression within another one. One of JSON stands where the whole text does.
func (e tfExpr) in(part hclsyntax.Expression) tfExpr {
	at := part.Range()
	start, end := at.Start.Byte, at.End.Byte
	if whole := e.Range(); e.end-e.start != whole.End.Byte-whole.Start.Byte || e.start != whole.Start.Byte {
		start, end = e.start, e.end
	}
	return tfExpr{Expression: part, text: e.text, start: start, end: end}
}

// of evaluates what HCL can be here.
func (s *tfScope) of(e tfExpr) tfValue {
	if s.steps > maxSteps {
		return tfValue{kind: tfUnknown}
	}
	switch x := e.Expression.(type) {
	case *hclsyntax.LiteralValueExpr:
		return tfLiteral(x.Val)
	case *hclsyntax.ParenthesesExpr:
		return s.eval(e.in(x.Expression))
	case *hclsyntax.TemplateWrapExpr:
		return s.eval(e.in(x.Wrapped))
	case *hclsyntax.TemplateExpr:
		return s.template(e, x.Parts)
	case *hclsyntax.UnaryOpExpr:
		return tfUnary(x.Op, s.eval(e.in(x.Val)))
	case *hclsyntax.BinaryOpExpr:
		return tfBinary(x.Op, s.eval(e.in(x.LHS)), s.eval(e.in(x.RHS)))
	case *hclsyntax.ScopeTraversalExpr:
		return s.traversal(e, x.Traversal)
	case *hclsyntax.TupleConsExpr:
		v := tfValue{kind: tfList, constant: true}
		for _, item := range x.Exprs[:min(len(x.Exprs), maxFaults)] {
			v.items = append(v.items, s.eval(e.in(item)))
		}
		return v
	case *hclsyntax.ConditionalExpr:
		return s.conditional(e, x)
	case *hclsyntax.FunctionCallExpr:
		return s.call(e, x)
	}
	return tfValue{kind: tfUnknown}
}

func tfLiteral(v cty.Value) tfValue {
	switch {
	case v.IsNull():
		return tfValue{kind: tfNull, constant: true}
	case v.Type() == cty.Number:
		n, _ := v.AsBigFloat().Float64()
		if math.IsInf(n, 0) {
			break
		}
		return tfValue{kind: tfNumber, number: n, constant: true}
	case v.Type() == cty.String:
		return tfValue{kind: tfText, text: v.AsString(), constant: true}
	case v.Type() == cty.Bool:
		return tfValue{kind: tfBool, yes: v.True(), constant: true}
	}
	return tfValue{kind: tfUnknown}
}

// template joins the parts of a text.
func (s *tfScope) template(e tfExpr, parts []hclsyntax.Expression) tfValue {
	v := tfValue{kind: tfText, constant: true}
	var b strings.Builder
	for _, part := range parts {
		p := s.eval(e.in(part))
		switch p.kind {
		case tfText:
			b.WriteString(p.text)
		case tfNumber:
			b.WriteString(strconv.FormatFloat(p.number, 'f', -1, 64))
		default:
			return tfValue{kind: tfUnknown}
		}
		v.depends(p)
		if b.Len() > maxString {
			return tfValue{kind: tfUnknown}
		}
	}
	v.text = b.String()
	return v
}

// depends takes over from a part on what the whole depends.
func (v *tfValue) depends(part tfValue) {
	v.constant = v.constant && part.constant
	if v.ref == "" {
		v.ref = part.ref
	}
}

// asNumber is a number, or a text that is one: Terraform converts it.
func (v tfValue) asNumber() (n float64, ok bool) {
	switch v.kind {
	case tfNumber:
		n, ok = v.number, true
	case tfText:
		parsed, err := strconv.ParseFloat(v.text, 64)
		n, ok = parsed, err == nil && strings.Trim(v.text, "0123456789.-eE+") == ""
	}
	return n, ok && !math.IsNaN(n) && !math.IsInf(n, 0)
}

// asBool is true or false, or a text that is.
func (v tfValue) asBool() (yes, ok bool) {
	if v.kind == tfText && (v.text == "true" || v.text == "false") {
		return v.text == "true", true
	}
	return v.yes, v.kind == tfBool
}

func tfUnary(op *hclsyntax.Operation, v tfValue) tfValue {
	if n, ok := v.asNumber(); ok && op == hclsyntax.OpNegate {
		v.kind, v.number = tfNumber, -n
		return v
	}
	if yes, ok := v.asBool(); ok && op == hclsyntax.OpLogicalNot {
		v.kind, v.yes = tfBool, !yes
		return v
	}
	return tfValue{kind: tfUnknown}
}

func tfBinary(op *hclsyntax.Operation, a, b tfValue) tfValue {
	x, known := a.asNumber()
	y, also := b.asNumber()
	v := tfValue{kind: tfNumber, constant: true}
	v.depends(a)
	v.depends(b)
	switch op {
	case hclsyntax.OpAdd:
		v.number = x + y
	case hclsyntax.OpSubtract:
		v.number = x - y
	case hclsyntax.OpMultiply:
		v.number = x * y
	case hclsyntax.OpDivide:
		v.number = x / y
	case hclsyntax.OpModulo:
		v.number = math.Mod(x, y)
	default:
		known = false
	}
	if !known || !also || math.IsNaN(v.number) || math.IsInf(v.number, 0) {
		return tfValue{kind: tfUnknown}
	}
	return v
}

// traversal follows locals, and variables to their defaults, which whoever runs it may override.
func (s *tfScope) traversal(e tfExpr, path hcl.Traversal) tfValue {
	name := path.RootName()
	if len(path) > 20 {
		return tfValue{kind: tfUnknown, ref: e.source()}
	}
	for _, step := range path[1:] {
		attribute, ok := step.(hcl.TraverseAttr)
		if !ok {
			return tfValue{kind: tfUnknown, ref: e.source()}
		}
		name += "." + attribute.Name
	}
	named, ok := s.named[name]
	if !ok || s.steps > maxSteps {
		return tfValue{kind: tfUnknown, ref: strings.ToValidUTF8(name[:min(len(name), 80)], "")}
	}
	v := s.eval(named)
	v.constant = false
	if v.ref == "" && path.RootName() == "var" {
		v.ref = name
	}
	if v.kind == tfNull && path.RootName() == "var" {
		v.kind = tfUnknown
	}
	return v
}

func (s *tfScope) conditional(e tfExpr, x *hclsyntax.ConditionalExpr) tfValue {
	condition := s.eval(e.in(x.Condition))
	yes, ok := condition.asBool()
	if !ok {
		return tfValue{kind: tfUnknown}
	}
	chosen := x.FalseResult
	if yes {
		chosen = x.TrueResult
	}
	v := s.eval(e.in(chosen))
	v.depends(condition)
	v.constant = false
	return v
}

// call sees through what only converts.
func (s *tfScope) call(e tfExpr, x *hclsyntax.FunctionCallExpr) tfValue {
	switch x.Name {
	case "tonumber", "tostring", "tobool", "toset", "tolist", "sensitive", "nonsensitive":
		if len(x.Args) == 1 {
			v := s.eval(e.in(x.Args[0]))
			v.constant = v.constant && v.kind == tfList
			return v
		}
	}
	return tfValue{kind: tfUnknown}
}
