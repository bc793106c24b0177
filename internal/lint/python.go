package lint

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// readPython reads what a program says of tokens, by itself or as the settings of a library.
func readPython(s *Source) ([]Policy, error) {
	c, err := newCode(s)
	if err != nil {
		return nil, err
	}
	c.python, c.meaning = true, c.pythonMeaning
	err = parsePython(c)
	c.collect()
	all := c.pythonSettings()
	c.flask(all)
	c.simpleJWT(all["SIMPLE_JWT"], all)
	c.toolkit(all["OAUTH2_PROVIDER"])
	c.pyJWT()
	c.beside()
	return c.policies, err
}

// settings are keys and values that belong together: of a class, a dictionary, app.config.
type settings struct {
	c       *code
	at      *node
	values  map[string]*node
	names   map[string]*node // where a key stands
	partial bool             // others may come of elsewhere: what is not here is not the default
}

// pythonSettings finds settings by what they stand in: the name of a class or of a dictionary; "" for a module's own and app.config.
func (c *code) pythonSettings() map[string]*settings {
	all := map[string]*settings{}
	c.root.walk(func(n *node, up []*node) {
		switch {
		case n.kind == assignNode && n.text == "=":
			c.setting(all, n, up)
		case n.kind == callNode && n.kids[0].kind == memberNode:
			c.settingCall(all, n)
		}
	})
	return all
}

func (c *code) scope(all map[string]*settings, name string, at *node) *settings {
	s := all[name]
	if s == nil {
		s = &settings{c: c, at: at, values: map[string]*node{}, names: map[string]*node{}}
		all[name] = s
	}
	return s
}

func (s *settings) set(key string, at, v *node) {
	if key != "" {
		s.values[key], s.names[key] = v, at
	}
}

// setting reads KEY = value in a module or a class, app.config["KEY"] = value, and dictionaries by their name.
func (c *code) setting(all map[string]*settings, n *node, up []*node) {
	target, v := n.kids[0], n.kids[1]
	switch {
	case target.kind == indexNode && target.kids[1].kind == textNode:
		name := ""
		if base := c.called(target.kids[0]); base == "SIMPLE_JWT" || base == "OAUTH2_PROVIDER" {
			name = base
		}
		c.scope(all, name, n).set(target.kids[1].text, target.kids[1], v)
	case target.kind == nameNode:
		scope, partial := "", false
		for _, outer := range up {
			if outer.kind == functionNode {
				return
			}
			if outer.kind == classNode {
				scope, partial = outer.text, partial || len(outer.kids) > 1 && c.raw(outer.kids[0]) != "object"
			}
		}
		s := c.scope(all, scope, n)
		s.partial = s.partial || partial
		s.set(target.text, target, v)
		if target.text == "SIMPLE_JWT" || target.text == "OAUTH2_PROVIDER" {
			dictionary := c.scope(all, target.text, n)
			dictionary.at = target
			dictionary.take(v)
		}
	}
}

// take adds the pairs of a dictionary, or of dict().
func (s *settings) take(n *node) {
	n = s.c.resolved(n)
	if n == nil || n.kind != mapNode && n.kind != callNode {
		s.partial = true
		return
	}
	for _, kid := range n.kids {
		if kid.kind == pairNode && kid.text != "" {
			s.set(kid.text, newNode(nameNode, kid.text, kid.start, kid.kids[0].start), kid.kids[0])
		} else if kid.kind == spreadNode || kid.kind == pairNode {
			s.partial = true
		}
	}
}

// settingCall reads app.config.update(KEY=value), from_mapping and setdefault.
func (c *code) settingCall(all map[string]*settings, n *node) {
	callee := c.called(n.kids[0])
	name := ""
	if base, ok := strings.CutSuffix(callee, ".update"); ok && (base == "SIMPLE_JWT" || base == "OAUTH2_PROVIDER") {
		name = base
	} else if !strings.Contains(callee, "config") {
		return
	}
	switch n.kids[0].text {
	case "update", "from_mapping":
		s := c.scope(all, name, n)
		partial := s.partial
		s.take(n)
		for _, argument := range n.arguments() {
			s.take(argument)
		}
		s.partial = partial
	case "setdefault":
		if key := n.argument(0, ""); key != nil && key.kind == textNode && n.argument(1, "") != nil {
			c.scope(all, name, n).set(key.text, key, n.argument(1, ""))
		}
	}
}

// has says whether any of the keys is set.
func (s *settings) has(keys ...string) bool {
	return s != nil && slices.ContainsFunc(keys, func(key string) bool { return s.values[key] != nil })
}

// lifetime adds one; an unset one has the default d, or no end.
func (s *settings) lifetime(p *Policy, kind Kind, key string, units time.Duration, never func(value) bool, d time.Duration) {
	if v := s.values[key]; v != nil {
		l := s.c.pythonLifetime(kind, key, v, units, never)
		if l.Comment == "" {
			l.Comment = s.c.comment(s.names[key])
		}
		p.Lifetimes = append(p.Lifetimes, l)
	} else if !s.partial {
		p.Lifetimes = append(p.Lifetimes, Lifetime{Kind: kind, Key: key, At: p.At, Value: d, DefaultNever: d == 0})
	}
}

// flag adds a fact that is true or false; one that is not known before it runs is none.
func (s *settings) flag(p *Policy, name Name, key string, byDefault bool) {
	f := Fact{Name: name, Bool: byDefault, Unset: true, At: p.At}
	if n := s.values[key]; n != nil {
		v := s.c.value(n)
		if v.dynamic || v.kind != boolValue && v.kind != nothingValue {
			return
		}
		f = Fact{Name: name, Bool: v.truth, At: s.c.span(n), Raw: s.c.raw(n), Write: spellBool}
		if v.named {
			f.Write = nil
		}
	} else if s.partial {
		return
	}
	p.Facts = append(p.Facts, f)
}

// spellBool is True or False.
func spellBool(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// word adds a fact that is a text.
func (s *settings) word(p *Policy, name Name, key, byDefault string) {
	f := Fact{Name: name, Text: byDefault, Unset: true, At: p.At}
	if n := s.values[key]; n != nil {
		v := s.c.value(n)
		if v.dynamic || v.kind != textValue && v.kind != nothingValue {
			return
		}
		f = Fact{Name: name, Text: v.text, At: s.c.span(n), Raw: s.c.raw(n)}
		if !v.named {
			f.Write = strconv.Quote
		}
	} else if s.partial {
		return
	}
	p.Facts = append(p.Facts, f)
}

// algorithms adds what keys name.
func (s *settings) algorithms(p *Policy, keys ...string) {
	f := Fact{Name: Algorithms}
	for _, key := range keys {
		n := s.values[key]
		if words, ok := s.c.words(n); ok && n != nil {
			f.Words = append(f.Words, words...)
			f.At, f.Raw = s.c.span(n), s.c.raw(n)
		}
	}
	if len(f.Words) > 0 {
		p.Facts = append(p.Facts, f)
	}
}

// misspelt adds keys that are nearly known ones.
func (s *settings) misspelt(p *Policy, known []string, ours func(key string) bool) {
	keys := make([]string, 0, len(s.values))
	for key := range s.values {
		if ours(key) && !slices.Contains(known, key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys[:min(len(keys), maxFaults)] {
		if want := nearest(key, known); want != "" {
			at := s.names[key]
			p.Facts = append(p.Facts, Fact{Name: Key, Text: key, Want: want, At: s.c.span(at), Raw: key})
		}
	}
}

// policy begins one.
func (s *settings) policy(product Product, name string) Policy {
	return Policy{Product: product, Name: name, Source: s.c.source, At: s.c.span(s.at)}
}

// says whether a text with a word stands in the program, or a name that is the word.
func (c *code) says(words ...string) bool {
	return c.once("says "+strings.Join(words, " "), func() bool {
		return c.root.any(func(n *node) bool {
			return slices.ContainsFunc(words, func(word string) bool {
				return n.kind == textNode && len(n.text) < 500 && strings.Contains(n.text, word) || (n.kind == nameNode || n.kind == memberNode) && n.text == word
			})
		})
	})
}

// isNo is False; isNone is None. Which of them is no end, products see differently.
func isNo(v value) bool   { return v.kind == boolValue && !v.truth }
func isNone(v value) bool { return v.kind == nothingValue }
