package lint_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/lint"
)

// What is no XML that can be read in bounded time and memory is *Unreadable, with its place.
func TestApigeeUnreadable(t *testing.T) {
	t.Parallel()
	laughs := `<!DOCTYPE OAuthV2 [<!ENTITY a "ha">`
	for _, c := range "bcdefghij" {
		laughs += `<!ENTITY ` + string(c) + ` "` + strings.Repeat("&"+string(c-1)+";", 10) + `">`
	}
	for name, test := range map[string]struct{ text, problem string }{
		"billion laughs":     {laughs + `]><OAuthV2><ExpiresIn>&j;</ExpiresIn></OAuthV2>`, "DOCTYPE"},
		"external entity":    {`<!DOCTYPE OAuthV2 [<!ENTITY x SYSTEM "file:///etc/hostname">]><OAuthV2>&x;</OAuthV2>`, "DOCTYPE"},
		"undeclared entity":  {`<OAuthV2><ExpiresIn>&x;</ExpiresIn></OAuthV2>`, "well-formed"},
		"deep":               {strings.Repeat("<OAuthV2>", 1_000_000), "deeper"},
		"deep in others":     {strings.Repeat("<a>", 1_000_000), "deeper"},
		"not closed":         {`<OAuthV2><ExpiresIn>1`, "not closed"},
		"tag not closed":     {`<OAuthV2 name="x`, "well-formed"},
		"closed otherwise":   {`<OAuthV2></oauthv2>`, "closed by"},
		"closed by prefix":   {`<a:OAuthV2></b:OAuthV2>`, "closed by"},
		"closed twice":       {`<OAuthV2/></OAuthV2>`, "closes nothing"},
		"invalid UTF-8":      {"<OAuthV2 name='\xff'/>", "UTF-8"},
		"NUL":                {"<OAuthV2>\x00</OAuthV2>", "well-formed"},
		"attribute unquoted": {`<OAuthV2 name=x/>`, "well-formed"},
		"version":            {`<?xml version="1.1"?><OAuthV2/>`, "cannot be read"},
		"long comment":       {"<OAuthV2><!--" + strings.Repeat("x", 2<<20) + "--></OAuthV2>", "more than 1 MB"},
		"long tag":           {"<OAuthV2" + strings.Repeat(` a=""`, 1<<20) + "/>", "more than 1 MB"},
		"long text":          {"<OAuthV2><ExpiresIn>" + strings.Repeat("1", 2<<20) + "</ExpiresIn></OAuthV2>", "more than 1 MB"},
		"many elements":      {"<OAuthV2>" + strings.Repeat("<a/>", 300_000) + "</OAuthV2>", "more than 200000 elements"},
	} {
		policies, err := apigeeReader(t).Read(&lint.Source{Name: "x.xml", Text: []byte(test.text)})
		u := (*lint.Unreadable)(nil)
		if !errors.As(err, &u) || !strings.Contains(u.Problem, test.problem) || u.At.Line < 1 || u.At.Column < 1 || policies != nil {
			t.Errorf("%s: %v (%d policies), want *Unreadable with %q", name, err, len(policies), test.problem)
		}
	}
}

// Texts that are within the limits are read in time, however they are made: none of them is looked at again and again.
func TestApigeeHostile(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for name, text := range map[string]string{
		"wide line":        "<OAuthV2/>" + strings.Repeat(strings.Repeat("é", 20)+"<OAuthV2/>", size/50),
		"pieces of text":   mint("<ExpiresIn>" + fill("1<!---->") + "</ExpiresIn>"),
		"comments":         mint(fill("<!-- 10 days -->")),
		"unknown elements": mint(strings.Repeat("<ExpiresIm/><Expirs/>", 12_500)),
		"twice":            mint(strings.Repeat("<ExpiresIn>1</ExpiresIn>", 25_000)),
		"grants":           mint("<SupportedGrantTypes>" + strings.Repeat("<GrantType>a</GrantType><GrantType>implicit</GrantType>", 12_500) + "</SupportedGrantTypes>"),
		"algorithms":       mint("<Algorithm>" + strings.Repeat("x,", 100_000) + "</Algorithm>"),
		"operation":        "<OAuthV2><Operation>" + strings.Repeat("GenerateAccessToken", 12_500) + "</Operation></OAuthV2>",
		"tokens":           mint("<Tokens>" + strings.Repeat("<Token>request.header.a</Token>", 25_000) + "</Tokens>"),
		"line ends":        mint(strings.Repeat(strings.Repeat("\r", 1000)+"<!-- 1 h --><ExpiresIn/>", 1000)),
		"attributes":       "<OAuthV2" + strings.Repeat(` a="ref"`, 25_000) + "><ExpiresIn" + strings.Repeat(` a='"'`, 25_000) + ` ref="x"/></OAuthV2>`,
	} {
		begin := time.Now()
		policies, err := apigeeReader(t).Read(&lint.Source{Name: "x.xml", Text: []byte(text)})
		if err != nil || len(policies) == 0 {
			t.Errorf("%s: %d policies, %v", name, len(policies), err)
		}
		t.Logf("%s: %d policies in %v", name, len(policies), time.Since(begin).Round(time.Millisecond))
	}
}

// Whatever the text is, nothing panics, every span is of the text that it says, and a fix is read as what was written.
func FuzzApigee(f *testing.F) {
	for _, seed := range []string{
		mint(`<ExpiresIn ref="request.queryparam.ttl">864000000</ExpiresIn> <!-- 10 days --><RefreshTokenExpiresIn>-1</RefreshTokenExpiresIn>`),
		"<?xml version='1.0' encoding='ISO-8859-1'?>\r\n<a:OAuthV2 xmlns:a='http://www.sap.com/apimgmt'><a:Operation>VerifyAccessToken</a:Operation><a:CacheExpiryInSeconds>60</a:CacheExpiryInSeconds></a:OAuthV2>",
		`<GenerateJWT><Algorithm>HS256,none</Algorithm><SecretKey><Value>a&amp;b</Value></SecretKey><ExpiresIn>10d</ExpiresIn></GenerateJWT><DecodeJWT/>`,
		`<VerifyJWT name="é"><MaxLifespan><![CDATA[1h]]></MaxLifespan><Source>request.queryparam.x</Source></VerifyJWT>`,
		`<!DOCTYPE OAuthV2><!-- x --><OAuthV2><Operation>InvalidateToken</Operation><Tokens><Token/></Tokens><ExpireIn/></OAuthV2>`,
		mint("<SupportedGrantTypes><GrantType>password</GrantType></SupportedGrantTypes><ExpiresIn>\r 18<!-- 2 h -->00000</ExpiresIn>"),
	} {
		f.Add([]byte(seed))
	}
	r := apigeeReader(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		s := &lint.Source{Name: "policies/x.xml", Text: text}
		r.Is(s)
		policies, err := r.Read(s)
		if u := (*lint.Unreadable)(nil); err != nil && (!errors.As(err, &u) || u.At.Line < 1) {
			t.Fatalf("error without a place: %v", err)
		}
		for _, p := range policies {
			checkSpan(t, s, p.At, "")
			for _, fault := range p.Invalid {
				checkSpan(t, s, fault.At, fault.Raw)
			}
			for _, fact := range p.Facts {
				checkSpan(t, s, fact.At, fact.Raw)
			}
			for _, l := range p.Lifetimes {
				checkSpan(t, s, l.At, l.Raw)
				if l.Write != nil {
					checkWritten(t, s, p, l)
				}
			}
		}
	})
}

// checkSpan compares a span to the text, and to where the lines are that others count.
func checkSpan(t *testing.T, s *lint.Source, at lint.Span, raw string) {
	t.Helper()
	if at.Start < 0 || at.End < at.Start || at.End > len(s.Text) || raw != "" && raw != "DecodeJWT" && string(s.Text[at.Start:at.End]) != raw {
		t.Fatalf("span %+v is not %q", at, raw)
	}
	before := strings.ReplaceAll(strings.ReplaceAll(string(s.Text[:at.Start]), "\r\n", "\n"), "\r", "\n")
	if line := 1 + strings.Count(before, "\n"); line != at.Line {
		t.Fatalf("span %+v is on line %d", at, line)
	}
	if column := 1 + len([]rune(before[strings.LastIndexByte(before, '\n')+1:])); column != at.Column {
		t.Fatalf("span %+v is in column %d", at, column)
	}
}

// checkWritten puts half an hour in the place of a lifetime, and reads that again.
func checkWritten(t *testing.T, s *lint.Source, p lint.Policy, l lint.Lifetime) {
	t.Helper()
	fixed := &lint.Source{Name: s.Name, Text: []byte(string(s.Text[:l.At.Start]) + l.Write(30*time.Minute) + string(s.Text[l.At.End:]))}
	if strings.HasPrefix(string(s.Text), "<?xml") { // decoded already: run writes no fix into it
		return
	}
	policies, err := apigeeReader(t).Read(fixed)
	if err != nil {
		t.Fatalf("fixed %q: %v", fixed.Text, err)
	}
	for _, q := range policies {
		if q.At.Start != p.At.Start {
			continue
		}
		if got, _ := q.Lifetime(l.Kind); got.Value != 30*time.Minute && !got.FromRequest {
			t.Fatalf("fixed %q is read as %+v", fixed.Text, got)
		}
	}
}
