package account

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"

	"github.com/ccojocar/zxcvbn-go/data"
)

// ranks are words in lower case, each with how many a guesser tries up to it.
type ranks map[string]int32

// add keeps the better rank of a word that several lists have.
func (r ranks) add(words []string) {
	for i, w := range words {
		w = strings.ToLower(w)
		if known, ok := r[w]; !ok || int32(i) < known-1 {
			r[w] = int32(i) + 1
		}
	}
}

// board is a keyboard: for each sign the keys around its own, one a direction, a
// key being what it types without and with shift.
type board struct {
	around map[byte][]string
	degree float64 // signs that a step may lead to, over all directions
}

// date is a way to write one, and what it costs to guess it.
type date struct {
	form *regexp.Regexp
	bits float64
}

// knowledge is what a guesser has before he knows whose password it is.
type knowledge struct {
	words  ranks // leaked passwords, English words and names, from the lists of zxcvbn
	boards []board
	dates  []date
}

// common is read at the first judgement and not at the start: few processes judge a password, and 80,000 words
// take 0.1 s to read and 4 MB to keep.
var common = sync.OnceValue(func() *knowledge {
	k := &knowledge{words: make(ranks, 80_000), dates: dates()}
	for _, name := range []string{"Passwords", "English", "FemaleNames", "MaleNames", "Surnames"} {
		var list struct{ List []string }
		asset("data/"+name+".json", &list)
		k.words.add(list.List)
	}
	for _, name := range []string{"Qwerty", "Dvorak", "Keypad", "MacKeypad"} {
		var keys struct{ Graph map[string][]string }
		asset("data/"+name+".json", &keys)
		k.boards = append(k.boards, newBoard(keys.Graph))
	}
	return k
})

// asset reads a list that is compiled in; one that cannot be read is a broken build.
func asset(name string, into any) {
	text, err := data.Asset(name)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		panic(fmt.Sprintf("account: read %s: %v", name, err))
	}
}

func newBoard(graph map[string][]string) board {
	b := board{around: make(map[byte][]string, len(graph))}
	directions := 0
	for sign, keys := range graph {
		b.around[sign[0]] = keys
		directions += len(keys)
		for _, k := range keys {
			b.degree += float64(len(k))
		}
	}
	b.degree /= float64(directions)
	return b
}

// dates are days of 1900 to 2099 as people write them, and such years alone.
func dates() []date {
	const (
		day, month      = `(?:0?[1-9]|[12]\d|3[01])`, `(?:0?[1-9]|1[0-2])`
		long, short     = `(?:19|20)\d\d`, `\d\d`
		sep             = `[-./_ \\]`
		days, separator = 31 * 12, 2 // guesses; bits that a separator adds
		years           = 119        // guesses: one life back
	)
	orders := func(year, sep string) *regexp.Regexp {
		r := regexp.MustCompile(`^(?:` + strings.Join([]string{
			year + sep + month + sep + day, day + sep + month + sep + year, month + sep + day + sep + year,
		}, "|") + `)`)
		r.Longest() // 17, not 1
		return r
	}
	of2, of4 := math.Log2(days*100), math.Log2(days*years)
	return []date{
		{orders(long, sep), of4 + separator},
		{orders(short, sep), of2 + separator},
		{orders(long, ""), of4},
		{orders(short, ""), of2},
		{regexp.MustCompile(`^` + long), math.Log2(years)},
	}
}
