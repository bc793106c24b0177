package lint_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"github.com/sandi-auth/sandi/internal/lint"
)

// apigeeReader is the one that is tested here.
func apigeeReader(t testing.TB) lint.Reader {
	t.Helper()
	i := slices.IndexFunc(lint.Readers(), func(r lint.Reader) bool { return r.Format == "apigee" })
	if i < 0 {
		t.Fatal("there is no reader apigee")
	}
	return lint.Readers()[i]
}

// apigeePolicies reads a text.
func apigeePolicies(t *testing.T, text string) (*lint.Source, []lint.Policy) {
	t.Helper()
	s := &lint.Source{Name: "policies/token.xml", Text: []byte(text)}
	if r := apigeeReader(t); !r.Is(s) {
		t.Fatalf("Is(%.100q) = false", text)
	}
	policies, err := apigeeReader(t).Read(s)
	if err != nil {
		t.Fatalf("read %.100q: %v", text, err)
	}
	return s, policies
}

// mint is a policy that makes tokens, with some elements.
func mint(elements string) string {
	return `<OAuthV2 name="mint"><Operation>GenerateAccessToken</Operation>` + elements + `</OAuthV2>`
}

func TestApigeeIs(t *testing.T) {
	t.Parallel()
	r := apigeeReader(t)
	for text, want := range map[string]bool{
		`<OAuthV2 name="a">`: true,
		"<?xml version=\"1.0\"?>\r\n<!-- a > b --><OAuthV2/>": true,
		`<p:GenerateJWT xmlns:p="x"/>`:                        true,
		`<!DOCTYPE OAuthV2 SYSTEM "x.dtd"><VerifyJWT>`:        true,
		`<!DOCTYPE a [<!ENTITY b "c">]><DecodeJWT>`:           true,
		`<!DOCTYPE html><html>`:                               false,
		`<project><OAuthV2/></project>`:                       false,
		`<OAuthV2x/>`:                                         false,
		`<!-- <OAuthV2> `:                                     false,
		`<`:                                                   false,
		``:                                                    false,
		`OAuthV2`:                                             false,
		`{"OAuthV2": 1}`:                                      false,
		"<" + strings.Repeat("a", 1<<20):                      false,
		"<!--" + strings.Repeat(" ", 1<<20) + "--><RevokeOAuthV2></a>": true,
	} {
		if got := r.Is(&lint.Source{Name: "x.xml", Text: []byte(text)}); got != want {
			t.Errorf("Is(%.60q) = %v, want %v", text, got, want)
		}
	}
}

// Each way to write a lifetime is what the engine takes it for, and stands where the span says.
func TestApigeeLifetimes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		element  string
		state    lint.State
		value    time.Duration
		raw, ref string
		request  bool
		fixed    string // of 30 minutes in its place; "" where that cannot be written
	}{
		{`<ExpiresIn>1800000</ExpiresIn>`, lint.Literal, 30 * time.Minute, "1800000", "", false, `<ExpiresIn>1800000</ExpiresIn>`},
		{"<ExpiresIn>\r\n 864000000\t</ExpiresIn>", lint.Literal, 240 * time.Hour, "864000000", "", false, "<ExpiresIn>\r\n 1800000\t</ExpiresIn>"},
		{`<ExpiresIn>-1</ExpiresIn>`, lint.Never, 0, "-1", "", false, `<ExpiresIn>1800000</ExpiresIn>`},
		{`<ExpiresIn>9223372036854775807</ExpiresIn>`, lint.Literal, 1<<63 - 1, "9223372036854775807", "", false, `<ExpiresIn>1800000</ExpiresIn>`},
		{`<ExpiresIn>9223372036854775808</ExpiresIn>`, lint.Wrong, 0, "9223372036854775808", "", false, `<ExpiresIn>1800000</ExpiresIn>`},
		{`<ExpiresIn>0</ExpiresIn>`, lint.Wrong, 0, "0", "", false, `<ExpiresIn>1800000</ExpiresIn>`},
		{`<ExpiresIn>1e6</ExpiresIn>`, lint.Wrong, 0, "1e6", "", false, `<ExpiresIn>1800000</ExpiresIn>`},
		{`<ExpiresIn/>`, lint.Wrong, 0, "<ExpiresIn/>", "", false, ""},
		{`<ExpiresIn> <!-- soon --> </ExpiresIn>`, lint.Wrong, 0, "<ExpiresIn>", "", false, ""},
		{`<ExpiresIn>&#49;800000</ExpiresIn>`, lint.Literal, 30 * time.Minute, "&#49;800000", "", false, ""},
		{`<ExpiresIn><![CDATA[1800000]]></ExpiresIn>`, lint.Literal, 30 * time.Minute, "<![CDATA[1800000]]>", "", false, ""},
		{`<ExpiresIn>18<!-- x -->00000</ExpiresIn>`, lint.Literal, 30 * time.Minute, "18<!-- x -->00000", "", false, ""},
		{`<ExpiresIn ref="propertyset.a.b">3600000</ExpiresIn>`, lint.Dynamic, time.Hour, "3600000", "propertyset.a.b", false, `<ExpiresIn ref="propertyset.a.b">1800000</ExpiresIn>`},
		{`<ExpiresIn other='ref="x"' ref = 'private.a'/>`, lint.Dynamic, 0, "private.a", "private.a", false, ""},
		{`<ExpiresIn ref=""/>`, lint.Wrong, 0, `<ExpiresIn ref=""/>`, "", false, ""},
		{`<ExpiresIn ref="request.queryparam.ttl"/>`, lint.Dynamic, 0, "request.queryparam.ttl", "request.queryparam.ttl", true, ""},
		{`<ExpiresIn ref="request.formparam.ttl">-1</ExpiresIn>`, lint.Dynamic, 0, "-1", "request.formparam.ttl", true, `<ExpiresIn ref="request.formparam.ttl">1800000</ExpiresIn>`},
		{`<ExpiresIn ref="{request.header.ttl}"></ExpiresIn>`, lint.Dynamic, 0, "{request.header.ttl}", "request.header.ttl", true, ""},
		{`<ExpiresIn>${ttl}</ExpiresIn>`, lint.Dynamic, 0, "${ttl}", "${ttl}", false, ""},
		{``, lint.Unset, 0, "", "", false, ""},
	} {
		s, policies := apigeePolicies(t, mint(test.element))
		l, ok := policies[0].Lifetime(lint.Access)
		if !ok || l.State != test.state || l.Value != test.value || l.Raw != test.raw || l.Ref != test.ref || l.FromRequest != test.request {
			t.Errorf("%s: %+v", test.element, l)
			continue
		}
		if test.raw != "" && string(s.Text[l.At.Start:l.At.End]) != test.raw {
			t.Errorf("%s: the span is %q", test.element, s.Text[l.At.Start:l.At.End])
		}
		fixed := ""
		if l.Write != nil {
			fixed = string(slices.Concat(s.Text[:l.At.Start], []byte(l.Write(30*time.Minute)), s.Text[l.At.End:]))
		}
		if test.fixed != "" && fixed != mint(test.fixed) || test.fixed == "" && fixed != "" {
			t.Errorf("%s: fixed is %s", test.element, fixed)
		}
	}
}

// The grammar of GenerateJWT is its own.
func TestApigeeInterval(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"30m": 30 * time.Minute, "1h": time.Hour, "45s": 45 * time.Second, "10d": 240 * time.Hour, "1500ms": 1500 * time.Millisecond, "1800000": 30 * time.Minute,
		"1500001": 1500001 * time.Millisecond, "0s": 0, "-1": 0, "m": 0, "1w": 0, "1h30m": 0, "1 h": 0, "1.5h": 0, "99999999999999999999d": 0,
	} {
		_, policies := apigeePolicies(t, "<GenerateJWT><ExpiresIn>"+text+"</ExpiresIn></GenerateJWT>")
		l, _ := policies[0].Lifetime(lint.Access)
		if l.Value != want || (l.State == lint.Wrong) != (want == 0) {
			t.Errorf("%s: %+v", text, l)
		}
		if got := l.Write(30*time.Minute) + " " + l.Write(1500*time.Millisecond) + " " + l.Write(7*24*time.Hour); got != "30m 1500ms 7d" {
			t.Errorf("%s is fixed to %s", text, got)
		}
	}
}

// A comment is said of the element that it stands beside, not of the next one on the same line.
func TestApigeeComments(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"<ExpiresIn>1</ExpiresIn> <!-- 10 days --> <RefreshTokenExpiresIn>2</RefreshTokenExpiresIn> <!-- 20 days -->":           "10 days|20 days",
		"<!-- a -->\n<ExpiresIn>1</ExpiresIn>\n<!-- b -->\n<RefreshTokenExpiresIn>2</RefreshTokenExpiresIn>":                    "a|b",
		"<!-- a -->\r<ExpiresIn>1</ExpiresIn>\r<!-- b -->\r<RefreshTokenExpiresIn>2</RefreshTokenExpiresIn>":                    "a|b",
		"<!-- a -->\r\n<!-- sandi:ignore SND101 reason=\"5 days\" -->\r\n<ExpiresIn>1</ExpiresIn>":                              "a|",
		"<!-- a -->\n\n<ExpiresIn>1</ExpiresIn>":                                                                                "|",
		"<!-- a --><ExpiresIn>1</ExpiresIn><!-- b -->\n<RefreshTokenExpiresIn>2</RefreshTokenExpiresIn>":                        "b|",
		"<ExpiresIn><!-- a -->1</ExpiresIn><RefreshTokenExpiresIn>2<!-- b --></RefreshTokenExpiresIn>":                          "a|b",
		"<ExpiresIn>1</ExpiresIn>\n<!-- " + strings.Repeat("x", 600) + " -->\n<RefreshTokenExpiresIn>2</RefreshTokenExpiresIn>": "|",
	} {
		_, policies := apigeePolicies(t, mint("\n"+text))
		access, _ := policies[0].Lifetime(lint.Access)
		refresh, _ := policies[0].Lifetime(lint.Refresh)
		if got := access.Comment + "|" + refresh.Comment; got != want {
			t.Errorf("%.100q: %q, want %q", text, got, want)
		}
	}
}

// Lines and columns hold for every line end, and for characters of several bytes.
func TestApigeePlaces(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"\n", "\r\n", "\r"} {
		text := "<?xml version='1.0'?>" + end + "<OAuthV2 name='日本'>" + end + "<Operation>GenerateAccessToken</Operation>" + end + "\t<!-- é --><ExpiresIn>7</ExpiresIn><RefreshTokenExpiresIn>8</RefreshTokenExpiresIn>" + end + "</OAuthV2>"
		_, policies := apigeePolicies(t, text)
		access, _ := policies[0].Lifetime(lint.Access)
		refresh, _ := policies[0].Lifetime(lint.Refresh)
		got := fmt.Sprint(policies[0].At.Line, policies[0].At.Column, access.At.Line, access.At.Column, refresh.At.Line, refresh.At.Column)
		if got != "2 1 4 23 4 59" {
			t.Errorf("%q: %s", end, got)
		}
	}
}

// A declared encoding is decoded, and then offsets are those of the decoded text.
func TestApigeeEncodings(t *testing.T) {
	t.Parallel()
	for label, test := range map[string]struct {
		name string
		e    encoding.Encoding
	}{
		"ISO-8859-1": {"é", charmap.ISO8859_1}, "windows-1252": {"€", charmap.Windows1252}, "ISO-8859-15": {"€", charmap.ISO8859_15}, "Shift_JIS": {"日本", japanese.ShiftJIS},
		"utf-8": {"é日", nil}, "UTF-16": {"é日", nil}, // its byte order mark has told, and the text is UTF-8 by now
	} {
		text := `<?xml version="1.0" encoding='` + label + `' ?><OAuthV2 name="` + test.name + `"><Operation>GenerateAccessToken</Operation><ExpiresIn>1800000</ExpiresIn></OAuthV2>`
		if test.e != nil {
			var err error
			if text, err = test.e.NewEncoder().String(text); err != nil {
				t.Fatal(err)
			}
		}
		s, policies := apigeePolicies(t, text)
		l, _ := policies[0].Lifetime(lint.Access)
		if policies[0].Name != test.name || string(s.Text[l.At.Start:l.At.End]) != "1800000" {
			t.Errorf("%s: policy %q, span %q", label, policies[0].Name, s.Text[l.At.Start:l.At.End])
		}
	}
	for _, label := range []string{"x-unknown", "replacement", "iso-2022-kr"} {
		_, err := apigeeReader(t).Read(&lint.Source{Text: []byte(`<?xml version="1.0" encoding="` + label + `"?><OAuthV2/>`)})
		if u := (*lint.Unreadable)(nil); !errors.As(err, &u) {
			t.Errorf("%s: %v, want *Unreadable", label, err)
		}
	}
}

// What one attribute switches off does not count as a way to revoke, and secrets are known by their place.
func TestApigeeFacts(t *testing.T) {
	t.Parallel()
	_, policies := apigeePolicies(t, `<OAuthV2 enabled="FALSE"><Operation>InvalidateToken</Operation><Tokens><Token>request.formparam.token</Token></Tokens></OAuthV2>`)
	if _, ok := policies[0].Fact(lint.Revocation); ok || !policies[0].Disabled || policies[0].Name != "token" {
		t.Errorf("disabled InvalidateToken: %+v", policies[0])
	}
	s, policies := apigeePolicies(t, `<GenerateJWT name="j"><SecretKey><Value>`+"\n  s&amp;t \n"+`</Value></SecretKey></GenerateJWT>`)
	f, _ := policies[0].Fact(lint.Secret)
	if f.Text != "s&t" || f.Raw != "" || !bytes.Equal(s.Text[f.At.Start:f.At.End], []byte("s&amp;t")) {
		t.Errorf("secret: %+v", f)
	}
	_, policies = apigeePolicies(t, `<VerifyJWT><SecretKye><Value>hidden</Value></SecretKye></VerifyJWT>`)
	if f, ok := policies[0].Fact(lint.Secret); !ok || f.Text != "hidden" {
		t.Errorf("a secret under a misspelt name: %+v", f)
	}
	_, policies = apigeePolicies(t, `<OAuthV2 name="v"><Operation>VerifyAccessToken</Operation><AccessToken>flow.token</AccessToken></OAuthV2>`)
	if f, ok := policies[0].Fact(lint.TokenIn); ok {
		t.Errorf("a variable of the flow is no place in the request: %+v", f)
	}
	if l, ok := policies[0].Lifetime(lint.RevocationWait); !ok || l.State != lint.Unset || l.Value != 3*time.Minute {
		t.Errorf("cache by default: %+v", l)
	}
}

// A file in another encoding is judged like one in UTF-8; its offsets are not those of the file, so that nothing in it is fixed.
func TestApigeeRun(t *testing.T) {
	t.Parallel()
	text := "<OAuthV2 name=\"é\">\n<!-- é --><Operation>GenerateAccessToken</Operation><ExpiresIn>864000000</ExpiresIn></OAuthV2>"
	for name, test := range map[string]struct {
		label string
		e     encoding.Encoding
		fixed bool
	}{
		"utf-8":        {"utf-8", encoding.Nop, true},
		"latin-1":      {"ISO-8859-1", charmap.ISO8859_1, false},
		"utf-16":       {"UTF-16", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), false},
		"utf-16 big":   {"UTF-16BE", unicode.UTF16(unicode.BigEndian, unicode.UseBOM), false},
		"utf-8 marked": {"utf-8", unicode.UTF8BOM, true},
	} {
		path := filepath.Join(t.TempDir(), "a.xml")
		content, err := test.e.NewEncoder().String(`<?xml version="1.0" encoding="` + test.label + "\"?>\r\n" + text)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		result, err := lint.Run(context.Background(), []string{path}, nil, lint.Options{Only: []string{"SND101"}})
		if err != nil || len(result.Findings) != 1 {
			t.Errorf("%s: %+v, %v", name, result, err)
			continue
		}
		if f := result.Findings[0]; f.At.Line != 3 || f.At.Column != 64 || f.Raw != "864000000" || (f.Fix != nil) != test.fixed {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
