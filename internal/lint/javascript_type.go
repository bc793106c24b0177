package lint

// skipType steps over a type of TypeScript.
func (p *parser) skipType() {
	defer func() { p.depth-- }()
	if !p.nested() {
		return
	}
	for !p.end() {
		p.accept("|")
		p.accept("&")
		for p.at("keyof", "typeof", "readonly", "unique", "infer", "asserts", "new") {
			p.i++
		}
		switch {
		case p.at("{", "(", "["):
			p.skipBrackets()
			if p.accept("=>") {
				p.skipType()
				return
			}
		case p.is(nameToken), p.is(textToken), p.is(numberToken):
			p.i++
			for p.at(".") {
				p.i += 2
			}
			if p.accept("is") {
				p.skipType()
				return
			}
			p.skipGenerics()
		case p.is(templateToken):
			p.skipBrackets()
		default:
			return
		}
		for p.at("[") && !p.tokens[p.i].broken {
			p.skipBrackets()
		}
		if !p.at("|", "&") {
			return
		}
	}
}

// skipGenerics steps over <A, B<C>>; it does not move where what stands here is none.
func (p *parser) skipGenerics() {
	before, open := p.i, 0
	if before < p.hopeless {
		return
	}
	for range 200 {
		switch {
		case p.end():
			p.i = before
			return
		case p.at("<"):
			open++
			p.i++
		case p.at(">", ">>", ">>>"):
			open -= len(p.word(0))
			p.i++
		case open == 0:
			return
		case p.at("{", "(", "["):
			p.skipBrackets()
		case p.is(nameToken), p.is(textToken), p.is(numberToken), p.at(",", ".", "|", "&", "=>", "?", ":", "="):
			p.i++
		default:
			p.i = before
			return
		}
		if open <= 0 {
			if open < 0 {
				p.i = before
			}
			return
		}
	}
	p.hopeless = p.i // a long comparison: those in it end no sooner
	p.i = before
}

// skipBrackets steps over brackets and all in them.
func (p *parser) skipBrackets() {
	open := 0
	for !p.end() {
		switch {
		case p.at("(", "[", "{"), p.is(templateToken):
			open++
		case p.at(")", "]", "}"), p.is(tailToken):
			open--
		}
		p.i++
		if open <= 0 {
			return
		}
	}
}
