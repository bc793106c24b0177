package lint

import (
	"bytes"
	"strings"

	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/js"
)

// javaScriptTokens cuts a program into tokens. What the lexer does not know, as the @ of a decorator, is left out; what is never closed is a
// problem, at the place that is returned, unless markup stands in the program, where an apostrophe is no string.
func javaScriptTokens(c *code) (tokens []token, problem string, at int) {
	text := []byte(c.text)
	if bytes.HasPrefix(text, []byte("#!")) { // the name of an interpreter
		end := bytes.IndexAny(text, "\r\n")
		for i := range text[:max(end, 0)] {
			text[i] = ' '
		}
	}
	input := parse.NewInputBytes(append(text, 0)[:len(text)])
	lexer := js.NewLexer(input)
	var open []byte
	broken, end := false, 0
	for input.Offset() < len(text) {
		kind, data := lexer.Next()
		if (kind == js.DivToken || kind == js.DivEqToken) && !divides(c.text, tokens) {
			kind, data = lexer.RegExp()
		}
		start := input.Offset() - len(data)
		if kind == js.ErrorToken {
			if len(data) == 0 || data[0] == '"' || data[0] == '\'' || data[0] == '`' || data[0] == '}' {
				if problem == "" && !strings.Contains(c.text, "</") && !strings.Contains(c.text, "/>") {
					problem, at = "has a string, a comment or an expression that is never closed", start
				}
			}
			if input.Offset() == end { // it does not move any more
				break
			}
		}
		end = input.Offset()
		switch kind {
		case js.LineTerminatorToken:
			broken = true
		case js.CommentToken, js.CommentLineTerminatorToken:
			broken = broken || kind == js.CommentLineTerminatorToken
			c.comments = append(c.comments, piece{start, end})
		case js.WhitespaceToken, js.ErrorToken:
		default:
			if len(data) == 1 && !balanced(&open, data[0]) && problem == "" {
				problem, at = "has a bracket "+string(data)+" that closes nothing", start
			}
			tokens = append(tokens, token{kind: javaScriptKind(kind), broken: broken, start: start, end: end})
			broken = false
		}
	}
	if len(open) > 0 && problem == "" {
		problem, at = "has a bracket that is never closed", len(text)
	}
	return tokens, problem, at
}

// balanced follows brackets; false for one that closes what was not opened.
func balanced(open *[]byte, c byte) bool {
	switch c {
	case '(', '[', '{':
		*open = append(*open, closing(c))
	case ')', ']', '}':
		last := len(*open) - 1
		if last < 0 || (*open)[last] != c {
			return false
		}
		*open = (*open)[:last]
	}
	return true
}

func javaScriptKind(kind js.TokenType) tokenKind {
	switch {
	case kind == js.StringToken, kind == js.TemplateToken:
		return textToken
	case kind == js.TemplateStartToken:
		return templateToken
	case kind == js.TemplateMiddleToken:
		return middleToken
	case kind == js.TemplateEndToken:
		return tailToken
	case kind == js.RegExpToken, kind == js.PrivateIdentifierToken:
		return opaqueToken
	case js.IsNumeric(kind):
		return numberToken
	case js.IsIdentifierName(kind):
		return nameToken
	}
	return signToken
}

// divides says whether a slash after these tokens divides; else a regular expression begins with it.
func divides(text string, tokens []token) bool {
	if len(tokens) == 0 {
		return false
	}
	last := tokens[len(tokens)-1]
	word := text[last.start:last.end]
	switch last.kind {
	case nameToken:
		switch word {
		case "return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else", "do", "instanceof", "yield", "await":
			return false
		}
		return true
	case signToken:
		return word == ")" || word == "]" || word == "}" || word == "++" || word == "--"
	case templateToken, middleToken:
		return false
	}
	return true
}

// javaScriptText is the value of a string or a template without substitutions.
func javaScriptText(raw string) string {
	if len(raw) < 2 {
		return raw
	}
	return unescaped(raw[1 : len(raw)-1])
}
