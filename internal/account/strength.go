package account

import (
	"math"
	"strings"
)

// strength estimates how many guesses a password takes, in bits, by the model of zxcvbn (Wheeler, USENIX Security
// 2016) in its first form: the cheapest way to write the password as words, walks over a keyboard, repetitions,
// sequences, dates, and single signs. The password is ASCII.
func strength(password string, known ...ranks) float64 {
	k := common()
	g := guess{s: password, lower: strings.ToLower(password), found: make([][]match, len(password))}
	for _, r := range append(known, k.words) {
		g.words(r)
	}
	for _, b := range k.boards {
		g.walks(b)
	}
	for i := range password {
		g.repeat(i)
		g.sequence(i)
		for _, d := range k.dates {
			if m := d.form.FindString(password[i:]); m != "" {
				g.add(i, i+len(m), d.bits)
				g.add(i, min(i+len(m)+1, len(password)), d.bits) // what people put behind a date is no secret either
			}
		}
	}
	return g.cheapest()
}

// match is a part of the password that is guessed as a whole; it ends before to.
type match struct {
	to   int
	bits float64
}

type guess struct {
	s, lower string
	found    [][]match // by where they begin
}

func (g *guess) add(from, to int, bits float64) {
	g.found[from] = append(g.found[from], match{to, bits})
}

// cheapest is the least sum of bits of parts that cover the password.
func (g *guess) cheapest() float64 {
	least := make([]float64, len(g.s)+1)
	for i := range g.s {
		least[i+1] = math.Inf(1)
	}
	sign := math.Log2(alphabet(g.s))
	for i, matches := range g.found {
		least[i+1] = min(least[i+1], least[i]+sign)
		for _, m := range matches {
			least[m.to] = min(least[m.to], least[i]+m.bits)
		}
	}
	return least[len(g.s)]
}

// alphabet is how many signs there are of the kinds that s has.
func alphabet(s string) float64 {
	var lower, upper, digits, others float64
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z':
			lower = 26
		case c >= 'A' && c <= 'Z':
			upper = 26
		case c >= '0' && c <= '9':
			digits = 10
		default:
			others = 33
		}
	}
	return lower + upper + digits + others
}

// words costs a word its rank, and its capitals.
func (g *guess) words(r ranks) {
	for i := range g.s {
		for j := i + 1; j <= len(g.s); j++ {
			if rank, ok := r[g.lower[i:j]]; ok {
				g.add(i, j, math.Log2(float64(rank))+capitals(g.s[i:j]))
			}
		}
	}
}

// capitals are the bits of how a word is capitalised: one for the usual ways.
func capitals(word string) float64 {
	upper, lower := 0, 0
	for i := range len(word) {
		switch c := word[i]; {
		case c >= 'A' && c <= 'Z':
			upper++
		case c >= 'a' && c <= 'z':
			lower++
		}
	}
	first, last := isUpper(word[0]), isUpper(word[len(word)-1])
	switch {
	case upper == 0:
		return 0
	case upper == 1 && (first || last), upper == len(word):
		return 1
	}
	return choices(upper+lower, min(upper, lower))
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

// choices are the bits of which up to k of n there are.
func choices(n, k int) float64 {
	sum := 0.0
	for i := range k + 1 {
		sum += choose(n, i)
	}
	return max(1, math.Log2(sum))
}

// choose is the binomial coefficient.
func choose(n, k int) float64 {
	product := 1.0
	for i := 1; i <= k; i++ {
		product *= float64(n-k+i) / float64(i)
	}
	return product
}

// repeat is one sign three times or more, in either case.
func (g *guess) repeat(i int) {
	j := i + 1
	for j < len(g.lower) && g.lower[j] == g.lower[i] {
		j++
	}
	if j-i > 2 {
		g.add(i, j, math.Log2(alphabet(g.s[i:j])*float64(j-i)))
	}
}

// sequence is three signs or more of the alphabet or of the digits, up or down.
func (g *guess) sequence(i int) {
	kind := alphabet(g.s[i : i+1])
	if kind == 33 || i+1 == len(g.s) {
		return
	}
	step := int(g.s[i+1]) - int(g.s[i])
	j := i + 1
	for j < len(g.s) && alphabet(g.s[j:j+1]) == kind && isUpper(g.s[j]) == isUpper(g.s[i]) && int(g.s[j])-int(g.s[j-1]) == step {
		j++
	}
	if j-i < 3 || step != 1 && step != -1 {
		return
	}
	bits := math.Log2(float64(j - i))
	if g.s[i] != 'a' && g.s[i] != '1' {
		bits += math.Log2(kind)
	}
	if isUpper(g.s[i]) {
		bits++
	}
	if step < 0 {
		bits++
	}
	g.add(i, j, bits)
}

// walks are three keys or more, each beside the one before.
func (g *guess) walks(b board) {
	for i := 0; i < len(g.s); {
		j, turns, shifted, last := i+1, 0, 0, -1
		for ; j < len(g.s); j++ {
			direction, shift := b.step(g.s[j-1], g.s[j])
			if direction < 0 {
				break
			}
			if direction != last {
				turns, last = turns+1, direction
			}
			if shift {
				shifted++
			}
		}
		if j-i > 2 {
			g.add(i, j, b.bits(j-i, turns, shifted))
		}
		i = j
	}
}

// step is the direction from one sign to the next, -1 where their keys are not
// neighbours; shift says that the next one needs that key.
func (b board) step(from, to byte) (direction int, shift bool) {
	for d, key := range b.around[from] {
		if at := strings.IndexByte(key, to); at >= 0 {
			return d, at == 1
		}
	}
	return -1, false
}

// bits of a walk: the walks of its length or less, with its turns or fewer, from any key.
func (b board) bits(length, turns, shifted int) float64 {
	walks := 0.0
	for n := 2; n <= length; n++ {
		for t := 1; t <= min(turns, n-1); t++ {
			walks += choose(n-1, t-1) * float64(len(b.around)) * math.Pow(b.degree, float64(t))
		}
	}
	bits := math.Log2(walks)
	if shifted > 0 {
		bits += choices(length, min(shifted, length-shifted))
	}
	return bits
}
