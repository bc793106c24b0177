package console

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Every page renders in every language from hostile data, without a script, and without what a policy of no inline styles would drop.
func TestPagesRender(t *testing.T) {
	t.Parallel()
	all, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	forbidden := regexp.MustCompile(`(?i)<script|javascript:|\son\w+=|style=|ZgotmplZ|%!|<no value>|<link|<img|http-equiv`)
	for name, data := range views(t) {
		seen := map[string]string{}
		for tag, l := range all {
			var out strings.Builder
			if err := l.render(&out, name, data); err != nil {
				t.Errorf("%s in %s: %v", name, tag, err)
				continue
			}
			if m := forbidden.FindString(out.String()); m != "" {
				t.Errorf("%s in %s has %q", name, tag, m)
			}
			if other, same := seen[out.String()]; same {
				t.Errorf("%s is the same in %s and %s", name, tag, other)
			}
			seen[out.String()] = tag
			if _, err := l.say(name + ".title"); err != nil && name != "device_done" {
				t.Error(err)
			}
		}
	}
}

// views is the data of every page, hostile wherever it comes from outside.
func views(t *testing.T) map[string]any {
	t.Helper()
	const evil = `"><script>alert(1)</script>`
	qr, err := drawQR("otpauth://totp/Sandi:siti?secret=JBSWY3DPEHPK3PXP", evil)
	if err != nil {
		t.Fatal(err)
	}
	wrong := frame{CSRF: evil, Fault: &fault{evil, "otp"}, Notice: evil}
	to := target{evil, evil, evil}
	request := asked{evil, true, evil, []scope{{"openid", evil, true}, {evil, evil, false}}, []string{evil}}
	now := time.Unix(1795334400, 0)
	return map[string]any{
		"signin":      signInPage{frame: wrong, target: to, Client: evil, Username: evil, Again: true, Remember: true, Other: "/signin?other=1"},
		"code":        codePage{wrong, to, evil, evil, "/signin"},
		"signup":      signUpPage{wrong, to, evil, "/signin"},
		"consent":     consentPage{wrong, request, evil, evil, "/signin"},
		"device":      devicePage{wrong, evil, evil, "/signin"},
		"decision":    decisionPage{wrong, request, evil, "/signin"},
		"device_done": true,
		"signout":     signOutPage{wrong, evil, evil, evil},
		"signed_out":  nil,
		"account": accountPage{
			wrong, evil, evil,
			[]sessionLine{{evil, evil, evil, evil, now, now, true}, {evil, "", evil, "", now, now, false}},
			[]applicationLine{{evil, evil, []string{evil, evil}, now}},
			true,
		},
		"password": passwordPage{wrong, evil},
		"factor":   factorPage{wrong, true},
		"enrol":    enrolPage{wrong, qr, "JBSW Y3DP", evil},
		"codes":    codesPage{[]string{evil}, true},
	}
}

// Every key that a page or the code names is in every catalogue, and no catalogue has another.
func TestWords(t *testing.T) {
	t.Parallel()
	all, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	used := usedWords(t, all["en"])
	used["username.missing"] = true // named after its field
	for tag, l := range all {
		for key := range used {
			if l.words[key] == "" {
				t.Errorf("%s lacks %q", tag, key)
			}
		}
		for key := range l.words {
			if !used[key] {
				t.Errorf("%s has %q, which no page shows", tag, key)
			}
		}
	}
}

// usedWords finds the keys in the sources and pages.
func usedWords(t *testing.T, en language) map[string]bool {
	t.Helper()
	used := map[string]bool{}
	patterns := []*regexp.Regexp{
		regexp.MustCompile(`\bt "([a-z_.]+)"`),
		regexp.MustCompile(`"((?:account|asked|code|codes|consent|decision|device|enrol|factor|password|signed_out|signin|signout|signup|username)\.[a-z_]+)"`),
	}
	for _, glob := range []string{"*.go", "templates/*.html"} {
		files, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range patterns {
				for _, m := range p.FindAllSubmatch(src, -1) {
					used[string(m[1])] = true
				}
			}
			for _, m := range regexp.MustCompile(`{{define "(\w+)"}}|name: "(\w+)"`).FindAllSubmatch(src, -1) {
				if page := string(m[1]) + string(m[2]); en.words[page+".title"] != "" {
					used[page+".title"] = true
				}
			}
		}
	}
	return used
}

// The catalogues are sorted, so that a change is read easily.
func TestCataloguesAreSorted(t *testing.T) {
	t.Parallel()
	for _, tag := range languages {
		raw, err := locales.ReadFile("locales/" + tag + ".json")
		if err != nil {
			t.Fatal(err)
		}
		last := ""
		dec := json.NewDecoder(strings.NewReader(string(raw)))
		for i := 0; dec.More() || i == 0; i++ {
			key, err := dec.Token()
			if err != nil {
				t.Fatal(err)
			}
			if i%2 == 1 { // the first token is the brace; then keys and words by turns
				if key.(string) <= last {
					t.Errorf("%s: %q stands after %q", tag, key, last)
				}
				last = key.(string)
			}
		}
	}
}

func TestHostOf(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"https://app.example/cb": "app.example", "https://app.example:8443/cb?x=1": "app.example:8443",
		"http://127.0.0.1:5000/cb": "", "http://[::1]/cb": "", "http://localhost/cb": "", "com.example.app:/cb": "", "%": "",
	} {
		if got := hostOf(uri); got != want {
			t.Errorf("%s: got %q, want %q", uri, got, want)
		}
	}
}

// Nobody is sent anywhere but to a page of ours.
func TestTarget(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ query, signIn, page string }{
		{"", "/signin", "/console/"},
		{"to=factor", "/signin?to=factor", "/console/factor"},
		{"to=https://evil.example", "/signin", "/console/"},
		{"to=//evil.example&user_code=x", "/signin?user_code=x", "/console/"},
		{"to=device&user_code=BCDF-GHJK%26a", "/signin?to=device&user_code=BCDF-GHJK%26a", "/device?user_code=BCDF-GHJK%26a"},
		{"to=device&to=factor", "/signin", "/console/"},
		{"request=abc&to=factor", "/signin?request=abc", "/console/factor"},
	} {
		f := form{values(t, tt.query)}
		if got := targetOf(f); got.signIn() != tt.signIn || got.page() != tt.page {
			t.Errorf("%q: got %s and %s, want %s and %s", tt.query, got.signIn(), got.page(), tt.signIn, tt.page)
		}
	}
}

// What is drawn has as many modules as the code, and its label is escaped.
func TestDrawQR(t *testing.T) {
	t.Parallel()
	svg, err := drawQR(strings.Repeat("a", maxQR), `"<x>`)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(svg), `<svg class="qr" role="img" aria-label="&#34;&lt;x&gt;"`) || len(svg) > 200_000 {
		t.Errorf("got %d bytes: %.120s", len(svg), svg)
	}
}

func values(t *testing.T, query string) url.Values {
	t.Helper()
	v, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
