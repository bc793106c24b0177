package lint

import (
	"bytes"
	"strings"

	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/js"
)

// maxAgain is how many bytes the lexer may look at again: for each sign that it does not know it goes through the whole text to say where that is.
const maxAgain = 64 << 20

// javaScriptTokens cuts a program into tokens. What the lexer does not know is left out; what is never closed is a problem, at the place that is
// returned, unless markup stands in the program, where an apostrophe is no string.
func javaScriptTokens(c *code) (tokens []token, problem string, at int) {
	input := parse.NewInputBytes(javaScriptInput(c.text))
	lexer := js.NewLexer(input)
	var open brackets
	broken, end, unknown := false, 0, 0
	for input.Offset() < len(c.text) {
		kind, data := lexer.Next()
		if (kind == js.DivToken || kind == js.DivEqToken) && (open.headed || !divides(c.text, tokens)) {
			kind, data = lexer.RegExp()
		}
		start := input.Offset() - len(data)
		if kind == js.ErrorToken {
			if problem == "" && neverClosed(c.text, data) {
				problem, at = "has a string, a comment or an expression that is never closed", start
			}
			if unknown++; unknown*len(c.text) > maxAgain {
				return tokens, "has too many signs that no program has", start
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
			if !open.follow(c.text, tokens, data) && problem == "" {
				problem, at = "has a bracket "+string(data)+" that closes nothing", start
			}
			tokens = append(tokens, token{kind: javaScriptKind(kind), broken: broken, start: start, end: end})
			broken = false
		}
	}
	if len(open.closers) > 0 && problem == "" {
		problem, at = "has a bracket that is never closed", len(c.text)
	}
	return tokens, problem, at
}

// javaScriptInput is a program for the lexer: without the name of an interpreter and the @ of decorators, which it does not know. Every byte keeps
// its place.
func javaScriptInput(program string) []byte {
	text := append([]byte(program), 0)[:len(program)]
	if bytes.HasPrefix(text, []byte("#!")) {
		end := bytes.IndexAny(text, "\r\n")
		for i := range text[:max(end, 0)] {
			text[i] = ' '
		}
	}
	for i := range text {
		if text[i] == '@' {
			text[i] = ' '
		}
	}
	return text
}

// neverClosed says whether what the lexer does not know is the beginning of something without an end.
func neverClosed(text string, data []byte) bool {
	return (len(data) == 0 || strings.IndexByte("\"'`}", data[0]) >= 0) && !strings.Contains(text, "</") && !strings.Contains(text, "/>")
}

// brackets are those that are open.
type brackets struct {
	closers []byte
	heads   []bool // of each: whether it holds the condition of an if, a for, a while or a with
	headed  bool   // the last token closed such a one: a statement follows, and a slash there begins a regular expression
}

// follow takes a token, before it is added to the others; false for one that closes what was not opened.
func (b *brackets) follow(text string, tokens []token, data []byte) bool {
	b.headed = false
	if len(data) != 1 {
		return true
	}
	switch last := len(b.closers) - 1; data[0] {
	case '(', '[', '{':
		b.closers, b.heads = append(b.closers, closing(data[0])), append(b.heads, data[0] == '(' && headWord(text, tokens))
	case ')', ']', '}':
		if last < 0 || b.closers[last] != data[0] {
			return false
		}
		b.headed = b.heads[last]
		b.closers, b.heads = b.closers[:last], b.heads[:last]
	}
	return true
}

// headWord says whether the last of tokens is a word whose parentheses a statement follows.
func headWord(text string, tokens []token) bool {
	if len(tokens) == 0 || tokens[len(tokens)-1].kind != nameToken {
		return false
	}
	if before := len(tokens) - 2; before >= 0 && text[tokens[before].start:tokens[before].end] == "." { // a method of that name
		return false
	}
	switch last := tokens[len(tokens)-1]; text[last.start:last.end] {
	case "if", "for", "while", "with":
		return true
	}
	return false
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
