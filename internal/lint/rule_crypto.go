package lint

import (
	"math"
	"slices"
	"strings"
)

func algorithmNone(p *Policy, _ Thresholds) []Finding {
	f, ok := p.Fact(Algorithms)
	if !ok || !slices.ContainsFunc(f.Words, func(w string) bool { return strings.EqualFold(w, "none") }) {
		return nil
	}
	return []Finding{f.finding(Error, "", `The algorithm "none" is accepted: anybody can write a token.`)}
}

func weakSecret(p *Policy, _ Thresholds) []Finding {
	need := 32
	if f, ok := p.Fact(Algorithms); ok {
		for _, word := range f.Words {
			switch strings.ToUpper(word) {
			case "HS384":
				need = max(need, 48)
			case "HS512":
				need = max(need, 64)
			}
		}
	}
	var found []Finding
	for _, f := range p.Facts {
		if f.Name != Secret {
			continue
		}
		if why := weakness(f.Text, need); why != "" {
			found = append(found, f.finding(Error, "", "The secret %s: it can be guessed, and whoever has it gets or writes tokens.", why))
		}
	}
	return found
}

// weakness says why a secret is weak, without saying anything of its text; "" where nothing speaks against it.
func weakness(secret string, need int) string {
	lower := strings.ToLower(secret)
	for _, word := range []string{
		"secret", "password", "passw0rd", "changeme", "change-me", "change_me", "change me", "qwerty", "123456", "abcdef", "letmein", "admin", "example",
		"default", "supersecret", "jwt", "token", "test", "your-", "your_", "mykey", "my-key", "rahasia", "sandi", "kunci", "insecure",
	} {
		// A word in a long random text is chance: it counts where it is a good part of the text, or what is left of it is too little.
		if strings.Contains(lower, word) && len(secret)-len(word) < need {
			return "is made of words that are tried first"
		}
	}
	switch bits := entropy(secret); {
	case len(secret) < need:
		return "is " + count(float64(len(secret)), "byte") + " long, less than the " + count(float64(need), "byte") + " of its algorithm"
	case bits < 100:
		return "repeats itself"
	}
	return ""
}

// entropy estimates the bits of a text by how often its bytes come, at most: order and words it does not see.
func entropy(s string) float64 {
	var counts [256]int
	for i := range len(s) {
		counts[s[i]]++
	}
	var bits float64
	for _, n := range counts {
		if n > 0 {
			bits -= float64(n) * math.Log2(float64(n)/float64(len(s)))
		}
	}
	return bits
}

func secretInFile(p *Policy, _ Thresholds) []Finding {
	var found []Finding
	for _, f := range p.Facts {
		if f.Name == Secret {
			found = append(found, f.finding(Error, "", "A secret stands in this file: everybody who can read the file, its history or a backup can get or write tokens."))
		}
	}
	return found
}

func mixedAlgorithms(p *Policy, _ Thresholds) []Finding {
	f, ok := p.Fact(Algorithms)
	if !ok {
		return nil
	}
	var shared, public bool
	for _, word := range f.Words {
		upper := strings.ToUpper(word)
		shared = shared || strings.HasPrefix(upper, "HS")
		public = public || slices.ContainsFunc([]string{"RS", "PS", "ES", "ED"}, func(s string) bool { return strings.HasPrefix(upper, s) })
	}
	if !shared || !public {
		return nil
	}
	return []Finding{f.finding(Error, "", "Algorithms with a shared secret and with a public key are both accepted: with some libraries, the public key then verifies tokens that anybody signed with it.")}
}

// notVerified lets a bundle read a token first, as to find its key, that another policy of the bundle verifies.
func notVerified(ps []*Policy, _ Thresholds) []Finding {
	verified := ps[0].Source.Bundle != "" && slices.ContainsFunc(ps, func(p *Policy) bool { return p.is(SkipsVerification, false) && !p.Disabled })
	var found []Finding
	for _, p := range ps {
		for _, f := range p.Facts {
			if f.Name == SkipsVerification && f.Bool && !(verified && p.Product == Apigee) {
				found = append(found, p.groupFinding(&f, Error, "A token is read here without its signature or its expiry being checked: whatever it says may be anybody's word."))
			}
		}
	}
	return found
}
