package lint

// operator is the binary operator here: how tightly it binds, and how many tokens it is; 0 for none.
func (p *parser) operator() (operator string, strength, width int) {
	word := p.word(0)
	if p.python {
		switch {
		case word == "not" && p.word(1) == "in":
			return "in", 4, 2
		case word == "is" && p.word(1) == "not":
			return "is", 4, 2
		}
		return word, pythonStrength(word), 1
	}
	return word, javaScriptStrength(word), 1
}

func pythonStrength(word string) int {
	switch word {
	case "or":
		return 1
	case "and":
		return 2
	case "in", "is", "<", ">", "<=", ">=", "==", "!=":
		return 4
	case "|":
		return 5
	case "^":
		return 6
	case "&":
		return 7
	case "<<", ">>":
		return 8
	case "+", "-":
		return 9
	case "*", "/", "//", "%", "@":
		return 10
	case "**":
		return 12
	}
	return 0
}

func javaScriptStrength(word string) int {
	switch word {
	case "??", "||":
		return 1
	case "&&":
		return 2
	case "|":
		return 3
	case "^":
		return 4
	case "&":
		return 5
	case "==", "!=", "===", "!==":
		return 6
	case "<", ">", "<=", ">=", "in", "instanceof":
		return 7
	case "<<", ">>", ">>>":
		return 8
	case "+", "-":
		return 9
	case "*", "/", "%":
		return 10
	case "**":
		return 12
	}
	return 0
}
