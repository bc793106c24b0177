package lint

import (
	"fmt"
	"slices"
	"strings"
)

// algorithms are those that the JWT policies know (RFC 7518 section 3.1).
func algorithms() []string {
	return []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}
}

// signing reads the algorithms and keys of a policy about JWTs.
func (a *apigee) signing() {
	if e := a.root.child("Algorithm"); e != nil && len(e.value) > 0 {
		f := Fact{Name: Algorithms}
		f.At, f.Raw = a.place(e)
		for _, word := range strings.SplitN(string(e.value), ",", len(algorithms())+1) {
			word = strings.TrimSpace(word)
			f.Words = append(f.Words, word)
			if !slices.Contains(algorithms(), word) && !strings.EqualFold(word, "none") && !placeholder(word) { // SND301 says more of none
				a.fault(e, fmt.Sprintf("There is no algorithm %.60q", word), strings.Join(algorithms(), ", "))
			}
		}
		a.fact(f)
	}
	for _, key := range a.root.children {
		if key.child("Value") == nil || key.name == "PublicKey" || nearest(key.name, []string{"SecretKey", "PrivateKey", "PasswordKey", "DirectKey"}) == "" { // a misspelt one is a secret too
			continue
		}
		for _, e := range key.children {
			a.secret(key.name, e)
		}
	}
}

// secret reads one: Apigee takes it from a variable whose name begins with "private." alone.
func (a *apigee) secret(of string, e *xmlElement) {
	ref := strings.TrimSpace(e.ref)
	switch {
	case e.name != "Value" && e.name != "Password":
	case len(e.value) > 0 && !placeholder(string(e.value)):
		at, _ := a.place(e)
		a.fact(Fact{Name: Secret, Text: string(e.value), At: at})
	case ref != "" && !strings.HasPrefix(ref, "private."):
		at, raw := a.attribute(e, "ref")
		a.invalid(Fault{At: at, Raw: raw, Problem: fmt.Sprintf("%s is taken from a variable that does not begin with private.: it is refused when it is deployed, since its value would show in traces", of), Fix: "private." + ref})
	}
}
