package jwt

import "slices"

// names finds duplicates among the names of one object. Few and plain ones, the ordinary case, are
// compared as they come; others are decoded and sorted at the end, so that an object of n names
// costs n log n whatever they are.
type names struct {
	few     [32]span
	n       int
	filter  uint64 // one bit a name, so that most names need no comparison
	escaped bool
	all     []span // every name, once there are more than few or one has an escape
}

// first takes a name that cannot have been there, which most cannot: by length, first and last
// byte. The byte before a name is its quote, so that even an empty one has a last byte.
func (s *names) first(text string, name span) bool {
	bit := uint64(1) << (((name.to-name.from)*7 + uint32(text[name.from])*3 + uint32(text[name.to-1])) & 63)
	if s.filter&bit != 0 || s.n >= len(s.few) {
		return false
	}
	s.filter |= bit
	s.few[s.n] = name
	s.n++
	return true
}

// add takes the next name; false where it has been there.
func (s *names) add(text string, name span, escaped bool) bool {
	if s.all != nil || escaped || s.n == len(s.few) {
		if s.all == nil {
			s.all = slices.Clone(s.few[:s.n])
		}
		s.all = append(s.all, name)
		s.escaped = s.escaped || escaped
		return true
	}
	word := text[name.from:name.to]
	for _, other := range s.few[:s.n] {
		if text[other.from:other.to] == word {
			return false
		}
	}
	s.few[s.n] = name
	s.n++
	return true
}

// unique compares the names that add has put off.
func (s *names) unique(text string) bool {
	if s.all == nil {
		return true
	}
	words := make([]string, len(s.all))
	for i, name := range s.all {
		words[i] = text[name.from:name.to]
		if s.escaped {
			words[i] = unescape(words[i])
		}
	}
	slices.Sort(words)
	for i := 1; i < len(words); i++ {
		if words[i] == words[i-1] {
			return false
		}
	}
	return true
}
