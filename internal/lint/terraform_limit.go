package lint

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxTokens bounds the memory of HCL's lexer, which makes a list of all tokens at some hundred bytes each. A usual file has one in five bytes.
const maxTokens = 500_000

// maxMelded bounds the time of HCL's parser for texts: it joins their lines one by one, and copies all that it has for each.
const maxMelded = 2e8

// tfFrame is a bracket that is open.
type tfFrame struct {
	lines bool // a line end ends an expression here
	base  int  // deep where the bracket was opened
	text  int  // bytes of text in it
	deep  int  // what the parser calls itself for without a bracket: unary operators, conditions, splats, directives of templates
}

// bounded refuses what would take too much memory to lex, or too deep a stack to parse: the parser descends without a limit, and Go cannot
// recover from the end of the stack. The comments are found on the way.
func (t *terraform) bounded() error {
	if err := t.few(); err != nil {
		return err
	}
	tokens, _ := hclsyntax.LexConfig(t.source.Text, t.source.Name, hcl.InitialPos) // the parser tells its faults
	t.comments = t.commented(tokens)
	frames := []tfFrame{{lines: true}}
	before, melded := hclsyntax.TokenNewline, 0
	for i, token := range tokens {
		top := &frames[len(frames)-1]
		switch token.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOParen, hclsyntax.TokenOBrack, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp:
			frames = append(frames, tfFrame{lines: token.Type == hclsyntax.TokenOBrace, base: top.deep, deep: top.deep})
		case hclsyntax.TokenTemplateControl:
			if name := tokens[min(i+1, len(tokens)-1)]; name.Type == hclsyntax.TokenIdent {
				top.deep += tfOpens(string(name.Bytes))
			}
			frames = append(frames, tfFrame{base: top.deep, deep: top.deep})
		case hclsyntax.TokenCBrace, hclsyntax.TokenCParen, hclsyntax.TokenCBrack, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			if len(frames) > 1 {
				frames = frames[:len(frames)-1]
			}
		case hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit:
			top.text += len(token.Bytes)
			melded += top.text
		case hclsyntax.TokenComma:
			top.deep = top.base
		case hclsyntax.TokenNewline:
			if top.lines {
				top.deep = top.base
			}
		case hclsyntax.TokenQuestion:
			top.deep++
		case hclsyntax.TokenBang, hclsyntax.TokenMinus:
			if before == hclsyntax.TokenBang || before == hclsyntax.TokenMinus {
				top.deep++
			}
		case hclsyntax.TokenStar:
			if before == hclsyntax.TokenOBrack || before == hclsyntax.TokenDot {
				frames[max(len(frames)-2, 0)].deep++ // of what is behind the bracket
			}
		}
		if len(frames)+frames[len(frames)-1].deep > MaxDepth {
			return t.unreadable(token.Range.Start.Byte, fmt.Sprintf("is nested deeper than %d", MaxDepth))
		}
		if melded > maxMelded {
			return t.unreadable(token.Range.Start.Byte, "has texts of too many lines, which take too long to read")
		}
		if token.Type != hclsyntax.TokenNewline && token.Type != hclsyntax.TokenComment {
			before = token.Type
		}
	}
	return nil
}

// few refuses too many tokens.
func (t *terraform) few() error {
	if tfTokens(t.source.Text) > maxTokens {
		return t.unreadable(0, fmt.Sprintf("has more than %d tokens, which is more than is read", maxTokens))
	}
	return nil
}

// tfOpens is what a directive of a template does to its depth.
func tfOpens(name string) int {
	switch name {
	case "if", "for":
		return 1
	case "endif", "endfor":
		return -1
	}
	return 0
}

// tfTokens is at least the number of tokens of a text: words, and what stands between them.
func tfTokens(text []byte) (n int) {
	word := false
	for _, c := range text {
		letter := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
		if letter && !word || !letter && c != ' ' && c != '\t' {
			n++
		}
		word = letter
	}
	return n
}
