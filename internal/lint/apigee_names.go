package lint

import (
	"slices"
	"strings"
)

// apigeeElements are the children that a policy knows.
func apigeeElements(policy string) []string {
	switch policy {
	case "OAuthV2":
		return []string{
			"AccessToken", "AccessTokenPrefix", "Algorithm", "AppEndUser", "Attributes", "CacheExpiryInSeconds", "ClientId", "Code", "ExpiresIn", "ExternalAccessToken", "ExternalAuthorization",
			"ExternalAuthorizationCode", "ExternalRefreshToken", "GenerateErrorResponse", "GenerateResponse", "GrantType", "Operation", "PassWord", "PrivateKey", "PublicKey", "RFCCompliantRequestResponse",
			"RedirectUri", "RefreshToken", "RefreshTokenExpiresIn", "ResponseType", "ReuseRefreshToken", "Scope", "SecretKey", "State", "StoreToken", "SupportedGrantTypes", "Tokens", "UserName",
		}
	case "GenerateJWT":
		return []string{"AdditionalClaims", "AdditionalHeaders", "Algorithm", "Algorithms", "Audience", "Compress", "CriticalHeaders", "ExpiresIn", "Id", "IgnoreUnresolvedVariables", "Issuer", "NotBefore", "OutputVariable", "PrivateKey", "PublicKey", "SecretKey", "Subject", "Type"}
	case "VerifyJWT":
		return []string{
			"AdditionalClaims", "AdditionalHeaders", "Algorithm", "Algorithms", "Audience", "Id", "IgnoreCriticalHeaders", "IgnoreIssuedAt", "IgnoreUnresolvedVariables", "Issuer", "KnownHeaders", "MaxLifespan",
			"PrivateKey", "PublicKey", "SecretKey", "Source", "Subject", "TimeAllowance", "Type",
		}
	}
	return nil
}

// misspelt finds children that the engine ignores without a word, and known ones that stand twice.
func (a *apigee) misspelt() {
	known := apigeeElements(a.root.name)
	if known == nil {
		return
	}
	var seen []string
	for _, e := range a.root.children {
		again := slices.Contains(seen, e.name)
		isKnown := slices.Contains(known, e.name)
		switch {
		case again && isKnown:
			a.fault(e, e.name+" stands twice in this policy: one of them does not count", "remove one")
			continue
		case again, len(seen) > len(known)+maxFaults:
			continue
		}
		seen = append(seen, e.name)
		if isKnown {
			continue
		}
		if want := meant(a.root.name, e.name, known); want != "" {
			a.fact(Fact{Name: Key, Text: e.name, Want: want, At: a.named(e), Raw: e.name})
		}
	}
}

// meant is the known element that an unknown one was probably to be; "" where nothing is near. People invent words for lifetimes that no
// distance of spelling finds.
func meant(policy, name string, known []string) string {
	lower := strings.ToLower(name)
	if policy == "OAuthV2" && strings.HasSuffix(lower, "granttypes") {
		return "SupportedGrantTypes"
	}
	if want := nearest(name, known); want != "" {
		return want
	}
	lifetime := strings.Contains(lower, "expir") || strings.Contains(lower, "lifetime") || strings.Contains(lower, "ttl") || strings.Contains(lower, "timetolive")
	switch {
	case lifetime && policy == "OAuthV2" && strings.Contains(lower, "refresh"):
		return "RefreshTokenExpiresIn"
	case lifetime && policy == "OAuthV2" && strings.Contains(lower, "cache"):
		return "CacheExpiryInSeconds"
	case lifetime && policy != "VerifyJWT":
		return "ExpiresIn"
	}
	return ""
}

// nearest is the name that another one misspells: the same but for case, or within one or two letters; "" for none.
func nearest(name string, names []string) string {
	best, found := 3, ""
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return n
		}
		if min(len(n), len(name)) < 6 || len(name) > len(n)+2 {
			continue
		}
		if d := distance(name, n); d < best && d*4 <= len(n) {
			best, found = d, n
		}
	}
	return found
}

// distance counts the letters to add, take away or change between two short texts (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
