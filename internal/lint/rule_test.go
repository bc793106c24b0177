package lint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/lint"
)

const day = 24 * time.Hour

// life is a literal lifetime.
func life(k lint.Kind, d time.Duration) lint.Lifetime {
	return lint.Lifetime{Kind: k, Key: "key", State: lint.Literal, Value: d}
}

func never(k lint.Kind) lint.Lifetime { return lint.Lifetime{Kind: k, Key: "key", State: lint.Never} }

// unset is a default of a product.
func unset(k lint.Kind, d time.Duration) lint.Lifetime {
	return lint.Lifetime{Kind: k, Key: "key", Value: d, DefaultNever: d < 0}
}

// number is a literal that was written as a bare one.
func number(k lint.Kind, n int64, unit time.Duration) lint.Lifetime {
	l := life(k, time.Duration(n)*unit)
	l.Number, l.Unit = n, unit
	return l
}

func said105(comment string, d time.Duration) lint.Lifetime {
	l := life(lint.Code, d)
	l.Comment = comment
	return l
}

func words(n lint.Name, words ...string) lint.Fact { return lint.Fact{Name: n, Words: words} }

func text(n lint.Name, text string) lint.Fact { return lint.Fact{Name: n, Text: text} }

func flagged(n lint.Name, b bool) lint.Fact { return lint.Fact{Name: n, Bool: b} }

// judged are the findings of all rules over one policy: "SND101 error".
func judged(p lint.Policy, profile string, rate float64) []lint.Finding {
	t, _ := lint.Profile(profile)
	t.Rate = rate
	if p.Source == nil {
		p.Source = &lint.Source{}
	}
	var all []lint.Finding
	for _, rule := range lint.Rules() {
		var found []lint.Finding
		switch {
		case rule.Check != nil:
			found = rule.Check(&p, t)
		case rule.CheckBundle != nil:
			found = rule.CheckBundle([]*lint.Policy{&p}, t)
		}
		for i := range found {
			found[i].Rule = rule.ID
		}
		all = append(all, found...)
	}
	return all
}

// Thresholds are reached by the note that says more than, and exceeded by what lies beyond.
func TestLifetimeRules(t *testing.T) {
	t.Parallel()
	ms, s, m := time.Millisecond, time.Second, time.Minute
	bound := func(l lint.Lifetime) lint.Policy { return lint.Policy{Bound: true, Lifetimes: []lint.Lifetime{l}} }
	of := func(all ...lint.Lifetime) lint.Policy { return lint.Policy{Lifetimes: all} }
	request := lint.Lifetime{Kind: lint.Access, Key: "key", State: lint.Dynamic, Ref: "request.queryparam.ttl", FromRequest: true}
	variable := lint.Lifetime{Kind: lint.Access, Key: "key", State: lint.Dynamic, Ref: "flow.ttl"}
	fallback := lint.Lifetime{Kind: lint.Access, Key: "key", State: lint.Dynamic, Ref: "flow.ttl", HasFallback: true, Value: 2 * time.Hour}
	bounds := life(lint.RefreshIdle, 20*day)
	bounds.Max = 10 * day
	for name, c := range map[string]struct {
		policy  lint.Policy
		profile string
		want    string
	}{
		"30 minutes":                     {of(life(lint.Access, 30*m)), "baseline", ""},
		"31 minutes":                     {of(life(lint.Access, 31*m)), "baseline", "SND101 note"},
		"an hour":                        {of(life(lint.Access, time.Hour)), "baseline", "SND101 note"},
		"61 minutes":                     {of(life(lint.Access, 61*m)), "baseline", "SND101 warning"},
		"a day less":                     {of(life(lint.Access, day-1)), "baseline", "SND101 warning"},
		"a day":                          {of(life(lint.Access, day)), "baseline", "SND101 error"},
		"strict":                         {of(life(lint.Access, time.Hour)), "strict", "SND101 error"},
		"bound":                          {bound(life(lint.Access, day)), "baseline", "SND101 warning"},
		"bound note":                     {bound(life(lint.Access, 31*m)), "baseline", ""},
		"machines":                       {lint.Policy{Lifetimes: []lint.Lifetime{life(lint.Access, time.Hour)}, Facts: []lint.Fact{words(lint.GrantTypes, "client_credentials")}}, "baseline", ""},
		"never":                          {of(never(lint.Access)), "baseline", "SND102 error"},
		"never by default":               {of(unset(lint.Access, -1)), "baseline", "SND102 error"},
		"some default":                   {of(unset(lint.Access, 0)), "baseline", "SND103 note"},
		"short default":                  {of(unset(lint.Access, 5*m)), "baseline", "SND103 note"},
		"day by default":                 {of(unset(lint.Access, day)), "baseline", "SND103 warning"},
		"year by default":                {of(unset(lint.Access, 365*day)), "baseline", "SND103 error"},
		"seconds for milliseconds":       {of(number(lint.Access, 3600, ms)), "baseline", "SND104 error"},
		"a day for milliseconds":         {of(number(lint.Access, 86400, ms)), "baseline", "SND104 error"},
		"30 days for milliseconds":       {of(number(lint.RefreshIdle, 2592000, ms)), "baseline", "SND104 error,SND116 warning"},
		"milliseconds":                   {of(number(lint.Access, 1800000, ms)), "baseline", ""},
		"short milliseconds":             {of(number(lint.Access, 10000, ms)), "baseline", ""},
		"milliseconds for seconds":       {of(number(lint.Access, 1800000, s)), "baseline", "SND101 error,SND104 error"},
		"seconds":                        {of(number(lint.Access, 300, s)), "baseline", ""},
		"long seconds":                   {of(number(lint.Access, 432000, s)), "baseline", "SND101 error"},
		"code in seconds":                {of(number(lint.Code, 60, s)), "baseline", ""},
		"short window":                   {of(number(lint.ReuseWindow, 3000, ms)), "baseline", ""},
		"comment":                        {of(said105("30 minutes", 60*s)), "baseline", "SND105 warning"},
		"wrong":                          {of(lint.Lifetime{Kind: lint.Access, Key: "key", State: lint.Wrong, Problem: "is no number"}), "baseline", "SND106 error"},
		"beyond the product":             {of(bounds), "baseline", "SND106 error,SND111 note,SND116 warning"},
		"fault":                          {lint.Policy{Invalid: []lint.Fault{{Problem: "Operation is missing"}}}, "baseline", "SND106 error"},
		"from the request":               {of(request), "baseline", "SND107 error"},
		"variable":                       {lint.Policy{Product: lint.Apigee, Lifetimes: []lint.Lifetime{variable}}, "baseline", "SND107 warning"},
		"environment":                    {of(variable), "baseline", ""},
		"fallback":                       {of(fallback), "baseline", "SND101 warning"},
		"refresh of 7 days":              {of(life(lint.Refresh, 7*day)), "baseline", ""},
		"refresh of 8 days":              {of(life(lint.Refresh, 8*day)), "baseline", "SND111 note"},
		"refresh of 31 days":             {of(life(lint.Refresh, 31*day)), "baseline", "SND111 warning"},
		"refresh of 90 days":             {of(life(lint.Refresh, 90*day)), "baseline", "SND111 warning"},
		"refresh of 91 days":             {of(life(lint.Refresh, 91*day)), "baseline", "SND111 error"},
		"refresh never":                  {of(never(lint.Refresh)), "baseline", "SND112 error"},
		"offline never":                  {of(never(lint.OfflineMax)), "baseline", "SND112 error"},
		"refresh never by default":       {of(unset(lint.Refresh, -1)), "baseline", "SND112 error"},
		"refresh unset":                  {lint.Policy{Product: lint.Apigee, Lifetimes: []lint.Lifetime{unset(lint.Refresh, -1)}}, "baseline", "SND113 warning"},
		"refresh unset, of a day":        {of(unset(lint.Refresh, day)), "baseline", ""},
		"refresh unset, of 30 days":      {of(unset(lint.Refresh, 30*day)), "baseline", "SND113 note"},
		"refresh unset, not handed out":  {lint.Policy{Lifetimes: []lint.Lifetime{unset(lint.Refresh, -1)}, Facts: []lint.Fact{flagged(lint.RefreshIssued, false)}}, "baseline", ""},
		"refresh as long as access":      {of(life(lint.Access, 10*day), life(lint.Refresh, 10*day)), "baseline", "SND101 error,SND111 note,SND114 error"},
		"refresh three times as long":    {of(life(lint.Access, 10*m), life(lint.Refresh, 30*m)), "baseline", "SND114 note"},
		"refresh four times as long":     {of(life(lint.Access, 10*m), life(lint.Refresh, 40*m)), "baseline", ""},
		"no idle limit":                  {of(unset(lint.SessionIdle, -1), life(lint.SessionMax, 2*day)), "baseline", "SND115 note"},
		"no idle limit, a day":           {of(unset(lint.SessionIdle, -1), life(lint.SessionMax, day)), "baseline", ""},
		"no absolute limit":              {of(life(lint.SessionIdle, m), unset(lint.SessionMax, -1)), "baseline", "SND116 warning"},
		"code of a minute":               {of(life(lint.Code, m)), "strict", ""},
		"code of 2 minutes":              {of(life(lint.Code, 2*m)), "baseline", "SND117 note"},
		"code of 2 minutes, strict":      {of(life(lint.Code, 2*m)), "strict", "SND117 error"},
		"code of 11 minutes":             {of(life(lint.Code, 11*m)), "baseline", "SND117 error"},
		"code never":                     {of(never(lint.Code)), "baseline", "SND117 error"},
		"idle beyond":                    {of(life(lint.SessionIdle, 2*time.Hour), life(lint.SessionMax, time.Hour)), "baseline", "SND118 error"},
		"aal1":                           {of(life(lint.SessionMax, 31*day)), "aal1", "SND119 error"},
		"aal2":                           {of(life(lint.SessionMax, day), life(lint.SessionIdle, time.Hour)), "aal2", ""},
		"aal2 idle":                      {of(life(lint.SessionMax, day), life(lint.SessionIdle, 61*m)), "aal2", "SND119 error"},
		"aal3":                           {of(life(lint.SessionMax, day), life(lint.SessionIdle, 16*m)), "aal3", "SND119 error,SND119 error"},
		"aal3 never":                     {of(never(lint.SessionMax)), "aal3", "SND119 error"},
		"reuse window":                   {of(life(lint.ReuseWindow, 61*s)), "baseline", "SND204 warning"},
		"reuse window, strict":           {of(life(lint.ReuseWindow, 31*s)), "strict", "SND204 warning"},
		"revocation after a minute":      {of(life(lint.RevocationWait, m)), "baseline", ""},
		"revocation after 3 by default":  {of(unset(lint.RevocationWait, 3*m)), "baseline", "SND503 note"},
		"revocation after an hour":       {of(life(lint.RevocationWait, time.Hour)), "baseline", "SND503 warning"},
		"cookie outlives":                {of(life(lint.Access, m), life(lint.Cookie, time.Hour)), "baseline", "SND403 warning"},
		"refresh cookie as the token":    {of(life(lint.Refresh, day), life(lint.RefreshCookie, day)), "baseline", ""},
		"refresh cookie outlives":        {of(life(lint.Refresh, day), life(lint.RefreshCookie, 2*day)), "baseline", "SND403 warning"},
		"ID token that never ends":       {of(never(lint.IDToken)), "baseline", "SND102 error"},
		"refresh for machines":           {lint.Policy{Lifetimes: []lint.Lifetime{life(lint.Refresh, day)}, Facts: []lint.Fact{words(lint.GrantTypes, "client_credentials")}}, "baseline", "SND208 note"},
		"refresh idle without a longest": {of(life(lint.RefreshIdle, day)), "baseline", "SND116 warning"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, judged(c.policy, c.profile, 0), c.want)
		})
	}
}

// check compares findings.
func check(t *testing.T, found []lint.Finding, want string) {
	t.Helper()
	var got []string
	for _, f := range found {
		got = append(got, fmt.Sprintf("%s %s", f.Rule, f.Severity))
		if !strings.HasSuffix(f.Message, ".") || strings.Contains(f.Message, "%!") || strings.Contains(f.Message, "  ") {
			t.Errorf("message %q is no sentence", f.Message)
		}
	}
	slices.Sort(got)
	if strings.Join(got, ",") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ","), want)
	}
}

func TestFactRules(t *testing.T) {
	t.Parallel()
	random := "q7Jx0vYk3mZr9Tn2LcW8sDf4HgB6pEaU1iOyXlQz5RtMwNvKjPhCbGdSeFuAoI0V"
	for name, c := range map[string]struct {
		client  lint.ClientType
		facts   []lint.Fact
		profile string
		want    string
	}{
		"implicit":                  {0, []lint.Fact{words(lint.GrantTypes, "authorization_code", "implicit")}, "baseline", "SND201 error"},
		"password":                  {0, []lint.Fact{words(lint.GrantTypes, "password")}, "baseline", "SND202 error"},
		"code":                      {0, []lint.Fact{words(lint.GrantTypes, "authorization_code")}, "baseline", ""},
		"no rotation, public":       {lint.PublicClient, []lint.Fact{flagged(lint.Rotation, false)}, "baseline", "SND203 error"},
		"no rotation, confidential": {lint.ConfidentialClient, []lint.Fact{flagged(lint.Rotation, false)}, "baseline", "SND203 note"},
		"no rotation, FAPI":         {lint.ConfidentialClient, []lint.Fact{flagged(lint.Rotation, false)}, "strict", ""},
		"no rotation, unknown":      {0, []lint.Fact{flagged(lint.Rotation, false)}, "baseline", "SND203 warning"},
		"no rotation, no refresh":   {0, []lint.Fact{flagged(lint.Rotation, false), flagged(lint.RefreshIssued, false)}, "baseline", ""},
		"no reuse detection":        {0, []lint.Fact{flagged(lint.Rotation, true), flagged(lint.ReuseDetection, false)}, "baseline", "SND203 warning"},
		"rotation":                  {0, []lint.Fact{flagged(lint.Rotation, true), flagged(lint.ReuseDetection, true)}, "baseline", ""},
		"no revocation":             {0, []lint.Fact{flagged(lint.Revocation, false)}, "baseline", "SND206 warning"},
		"PKCE plain":                {0, []lint.Fact{text(lint.PKCE, "plain")}, "baseline", "SND207 error"},
		"PKCE none":                 {0, []lint.Fact{text(lint.PKCE, "none")}, "baseline", "SND207 error"},
		"PKCE none by default":      {lint.PublicClient, []lint.Fact{{Name: lint.PKCE, Text: "none", Unset: true}}, "baseline", "SND207 warning"},
		"PKCE without codes":        {0, []lint.Fact{text(lint.PKCE, "none"), words(lint.GrantTypes, "client_credentials")}, "baseline", ""},
		"PKCE":                      {0, []lint.Fact{text(lint.PKCE, "S256")}, "baseline", ""},
		"none":                      {0, []lint.Fact{words(lint.Algorithms, "RS256", "None")}, "baseline", "SND301 error"},
		"short secret":              {0, []lint.Fact{text(lint.Secret, "q7Jx0vYk3mZr9Tn2")}, "baseline", "SND302 error,SND303 error"},
		"secret of words":           {0, []lint.Fact{text(lint.Secret, "my-super-secret-key-for-production")}, "baseline", "SND302 error,SND303 error"},
		"secret that repeats":       {0, []lint.Fact{text(lint.Secret, strings.Repeat("ab", 40))}, "baseline", "SND302 error,SND303 error"},
		"random secret":             {0, []lint.Fact{text(lint.Secret, random)}, "baseline", "SND303 error"},
		"hexadecimal secret":        {0, []lint.Fact{text(lint.Secret, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")}, "baseline", "SND303 error"},
		"short for HS512":           {0, []lint.Fact{text(lint.Secret, random[:48]), words(lint.Algorithms, "HS512")}, "baseline", "SND302 error,SND303 error"},
		"mixed":                     {0, []lint.Fact{words(lint.Algorithms, "HS256", "ES256")}, "baseline", "SND304 error"},
		"one kind":                  {0, []lint.Fact{words(lint.Algorithms, "RS256", "ES256")}, "baseline", ""},
		"not verified":              {0, []lint.Fact{flagged(lint.SkipsVerification, true)}, "baseline", "SND305 error"},
		"in the address":            {0, []lint.Fact{words(lint.TokenIn, "header", "query")}, "baseline", "SND401 error"},
		"cookie without flags":      {0, []lint.Fact{words(lint.TokenIn, "cookie"), flagged(lint.CookieSecure, false), flagged(lint.CookieHTTPOnly, false), text(lint.CookieSameSite, "")}, "baseline", "SND402 error,SND402 error,SND402 warning"},
		"cookie with flags":         {0, []lint.Fact{words(lint.TokenIn, "cookie"), flagged(lint.CookieSecure, true), text(lint.CookieSameSite, "lax"), text(lint.CookieName, "__Host-a")}, "baseline", ""},
		"cookie name":               {0, []lint.Fact{text(lint.CookieName, "token")}, "baseline", "SND402 warning"},
		"cookie name by default":    {0, []lint.Fact{{Name: lint.CookieName, Text: "token", Unset: true}}, "baseline", "SND402 note"},
		"flags without a cookie":    {0, []lint.Fact{words(lint.TokenIn, "header"), flagged(lint.CookieSecure, false)}, "baseline", ""},
		"refresh cookie everywhere": {0, []lint.Fact{text(lint.CookiePath, "/")}, "baseline", "SND403 warning"},
		"no purge":                  {0, []lint.Fact{flagged(lint.Purge, false)}, "baseline", "SND502 warning"},
		"handshake":                 {0, []lint.Fact{flagged(lint.HandshakeOnly, true)}, "baseline", "SND120 warning"},
		"key":                       {0, []lint.Fact{{Name: lint.Key, Text: "ExpireIn", Want: "ExpiresIn"}}, "baseline", "SND902 warning"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := judged(lint.Policy{Client: c.client, Facts: c.facts}, c.profile, 0)
			check(t, found, c.want)
			for _, f := range found {
				for _, fact := range c.facts {
					if fact.Name == lint.Secret && strings.Contains(f.Message+f.Raw+f.Suggest, fact.Text) {
						t.Errorf("%s tells the secret", f.Rule)
					}
				}
			}
		})
	}
}

// What is said of storage is seed arithmetic: 10 logins a second for 200 days are 172.8 million rows.
func TestStorage(t *testing.T) {
	t.Parallel()
	p := lint.Policy{Lifetimes: []lint.Lifetime{life(lint.Refresh, 200*day)}}
	found := judged(p, "baseline", 10)
	check(t, found, "SND111 error,SND501 warning")
	if m := found[len(found)-1].Message; !strings.Contains(m, "172.8 million live rows") || !strings.Contains(m, "53.6 GB") {
		t.Error(m)
	}
	check(t, judged(lint.Policy{Lifetimes: []lint.Lifetime{life(lint.Refresh, day)}}, "baseline", 10), "")
	check(t, judged(lint.Policy{Lifetimes: []lint.Lifetime{never(lint.Refresh)}}, "baseline", 10), "SND112 error,SND501 warning")
}

// What is suggested can be written, within the product's bounds, and is what the rule asks for.
func TestSuggestions(t *testing.T) {
	t.Parallel()
	milliseconds := func(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }
	for name, c := range map[string]struct {
		life lint.Lifetime
		want string
	}{
		"access":       {number(lint.Access, 864000000, time.Millisecond), "1800000"},
		"refresh":      {number(lint.Refresh, 17280000000, time.Millisecond), "86400000"},
		"code":         {number(lint.Code, 1200000, time.Millisecond), "60000"},
		"window":       {number(lint.ReuseWindow, 600000, time.Millisecond), "30000"},
		"confused":     {number(lint.Access, 3600, time.Millisecond), "3600000"},
		"revocation":   {number(lint.RevocationWait, 600000, time.Millisecond), "60000"},
		"never access": {never(lint.Access), "1800000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.life.Write = milliseconds
			found := judged(lint.Policy{Lifetimes: []lint.Lifetime{c.life}}, "baseline", 0)
			if len(found) != 1 || found[0].Fix == nil || found[0].Fix.New != c.want || found[0].Suggest != c.want {
				t.Errorf("got %+v, want one fix %s", found, c.want)
			}
		})
	}
	l := life(lint.Access, 10*day)
	l.Min, l.Write = time.Hour, milliseconds
	if found := judged(lint.Policy{Lifetimes: []lint.Lifetime{l}}, "baseline", 0); found[0].Suggest != "3600000" {
		t.Errorf("suggests %s below what the product takes", found[0].Suggest)
	}
}
