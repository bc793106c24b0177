package lint_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/lint"
)

// billion is the classic of a thousand million laughs.
func billion() string {
	var b strings.Builder
	b.WriteString("<!DOCTYPE OAuthV2 [<!ENTITY a0 \"ha\">")
	for i := range 9 {
		fmt.Fprintf(&b, "<!ENTITY a%d \"%s\">", i+1, strings.Repeat(fmt.Sprintf("&a%d;", i), 10))
	}
	b.WriteString("]>" + strings.Replace(long, "864000000", "&a9;", 1))
	return b.String()
}

// aliases is the same in YAML.
func aliases() string {
	var b strings.Builder
	b.WriteString("ttl:\n  access_token: 1h\nstrategies: {access_token: opaque}\na0: &a0 [ha]\n")
	for i := range 12 {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i), 10), ","))
	}
	return b.String()
}

// Hostile input is told as SND901, or holds nothing; it neither ends the program nor keeps it.
func TestRunHostile(t *testing.T) {
	t.Parallel()
	deep := func(before, open, after string) string { return before + strings.Repeat(open, 200_000) + after }
	for name, c := range map[string]struct {
		file, text string
		unreadable bool // it must be said; else it may be
	}{
		"billion laughs":          {"x.xml", billion(), true},
		"deep XML":                {"x.xml", deep(`<OAuthV2 name="a">`, "<a>", ""), true},
		"unclosed XML":            {"x.xml", `<OAuthV2 name="a"><ExpiresIn>864000000`, true},
		"many attributes":         {"x.xml", "<OAuthV2 " + strings.Repeat(`a="b" `, 100_000) + "/>", false},
		"XML of NULs":             {"x.xml", strings.Replace(long, "8640", strings.Repeat("\x00", 10), 1), true},
		"a long name":             {"x.xml", "<OAuthV2><" + strings.Repeat("a", 1<<20) + "/></OAuthV2>", false},
		"billion laughs, YAML":    {"hydra.yml", aliases(), false},
		"deep YAML":               {"hydra.yml", deep("ttl:\n  access_token: ", "[", ""), false},
		"deep YAML, blocks":       {"hydra.yml", deep("ttl:\n  access_token: ", "- ", "1"), false},
		"deep JSON":               {"realm.json", deep(`{"realm": "x", "accessTokenLifespan": 300, "ssoSessionIdleTimeout": `, "[", ""), false},
		"deep JSON, objects":      {"realm.json", deep(`{"realm": "x", "accessTokenLifespan": 300, "clients": `, `{"a":`, ""), false},
		"deep TOML":               {"supabase/config.toml", deep("[auth]\njwt_expiry = ", "[", ""), false},
		"deep TOML, tables":       {"supabase/config.toml", deep("[auth]\njwt_expiry = ", "{a=", ""), false},
		"deep HCL":                {"main.tf", deep("resource \"auth0_client\" \"a\" {\n  x = ", "[", ""), false},
		"deep HCL, brackets":      {"main.tf", deep("resource \"auth0_client\" \"a\" {\n  x = ", "(", ""), false},
		"deep HCL, negations":     {"main.tf", deep("resource \"auth0_client\" \"a\" {\n  x = ", "!", "true\n}"), false},
		"deep HCL, templates":     {"main.tf", deep("resource \"auth0_client\" \"a\" {\n  x = ", "\"${", ""), false},
		"deep HCL, blocks":        {"main.tf", deep("resource \"auth0_client\" \"a\" {\n", "a {\n", ""), false},
		"deep Python":             {"settings.py", deep("SIMPLE_JWT = ", "(", ""), false},
		"deep Python, negations":  {"settings.py", deep("SIMPLE_JWT = {'ACCESS_TOKEN_LIFETIME': ", "-", "1}"), false},
		"deep Python, dictionary": {"settings.py", deep("SIMPLE_JWT = ", "{1:", ""), false},
		"an endless string":       {"settings.py", "SIMPLE_JWT = '''" + strings.Repeat("a", 1<<20), false},
		"deep JavaScript":         {"a.js", deep("const jwt = require('jsonwebtoken'); jwt.sign(", "[", ""), false},
		"deep JavaScript, calls":  {"a.js", deep("const jwt = require('jsonwebtoken');", "jwt.sign(", ""), false},
		"deep JavaScript, text":   {"a.ts", deep("import jwt from 'jsonwebtoken'; jwt.sign(", "`${", ""), false},
		"a huge number":           {"x.xml", strings.Replace(long, "864000000", strings.Repeat("9", 1<<20), 1), false},
		"a huge number, YAML":     {"hydra.yml", "ttl:\n  access_token: " + strings.Repeat("9", 1<<20) + "h\n", false},
		"a huge number, JSON":     {"realm.json", `{"realm":"x","accessTokenLifespan":1e999999999,"ssoSessionIdleTimeout":1}`, false},
		"a huge power, Python":    {"settings.py", "SIMPLE_JWT = {'ACCESS_TOKEN_LIFETIME': timedelta(days=9**9**9**9)}", false},
		"a crooked past, Python":  {"a.py", "import jwt, time\njwt.encode({'exp': time.time() - 1e30}, k)  # 10 days\n", false},
		"many findings":           {"x.xml", "<a>" + strings.Repeat(long, 4_000) + "</a>", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t, map[string]string{c.file: c.text})
			bounded(t, func() {
				_, got := lints(t, dir, lint.Options{}, ".")
				if c.unreadable && only(got, "SND901") == "" {
					t.Errorf("nothing is told of it: %.200q", got)
				}
			})
		})
	}
}

// 100 MB are not read: what is ours is told, what is not is skipped.
func TestRunTooLarge(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"ours.xml": long, "other.xml": "<other>"})
	for _, name := range []string{"ours.xml", "other.xml"} {
		if err := os.Truncate(filepath.Join(dir, name), 100<<20); err != nil { // sparse
			t.Fatal(err)
		}
	}
	result, got := lints(t, dir, lint.Options{}, ".")
	if got != "ours.xml:1:1: error SND901\n" || result.Skipped != 1 {
		t.Errorf("found %q, %d skipped", got, result.Skipped)
	}
}

func TestRunZip(t *testing.T) {
	t.Parallel()
	refresh := `<OAuthV2 name="refresh"><Operation>RefreshAccessToken</Operation><ExpiresIn>1800000</ExpiresIn><RefreshTokenExpiresIn>86400000</RefreshTokenExpiresIn></OAuthV2>`
	for name, c := range map[string]struct {
		zip  []byte
		only string
		want string
	}{
		"bundle":         {zipped(t, map[string]string{"apiproxy/policies/a.xml": long, "apiproxy/b.xml": refresh, "__MACOSX/.x/c.xml": long}), "SND101", "b.zip!apiproxy/policies/a.xml:3:14: error SND101\n"},
		"bundle rules":   {zipped(t, map[string]string{"apiproxy/policies/a.xml": long}), "SND205", "b.zip!apiproxy/policies/a.xml:2:14: warning SND205\n"},
		"bundle is well": {zipped(t, map[string]string{"apiproxy/policies/a.xml": long, "apiproxy/policies/b.xml": refresh}), "SND205", ""},
		"climbs":         {zipped(t, map[string]string{"../a.xml": long}), "", "b.zip!\"../a.xml\":1:1: error SND901\n"},
		"climbs inside":  {zipped(t, map[string]string{"a/../../a.xml": long}), "", "b.zip!\"a/../../a.xml\":1:1: error SND901\n"},
		"from the root":  {zipped(t, map[string]string{"/etc/a.xml": long}), "", "b.zip!\"/etc/a.xml\":1:1: error SND901\n"},
		"of Windows":     {zipped(t, map[string]string{`..\a.xml`: long}), "", "b.zip!\"..\\\\a.xml\":1:1: error SND901\n"},
		"of a drive":     {zipped(t, map[string]string{`c:/a.xml`: long}), "", "b.zip!\"c:/a.xml\":1:1: error SND901\n"},
		"bomb":           {zipped(t, map[string]string{"a.xml": long + strings.Repeat(" ", 2<<20)}), "", "b.zip!a.xml:1:1: error SND901\n"},
		"zip in a zip":   {zipped(t, map[string]string{"a.zip": string(zipped(t, map[string]string{"a.xml": long}))}), "", ""},
		"cut off":        {zipped(t, map[string]string{"a.xml": long})[:100], "", ""},
		"a link": {func() []byte {
			var b bytes.Buffer
			z := zip.NewWriter(&b)
			h := &zip.FileHeader{Name: "a.xml"}
			h.SetMode(os.ModeSymlink | 0o777)
			w, _ := z.CreateHeader(h)
			_, _ = w.Write([]byte("/etc/passwd"))
			_ = z.Close()
			return b.Bytes()
		}(), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o lint.Options
			if c.only != "" {
				o.Only = []string{c.only}
			}
			result, got := lints(t, tree(t, map[string]string{"b.zip": string(c.zip)}), o, ".")
			if got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
			for _, f := range result.Findings {
				if f.Rule != "SND901" && len(f.Source.Text) == 0 {
					t.Errorf("%s has no text", f.Rule)
				}
			}
		})
	}
}

// However many findings one setting has, a source has no more than it may.
func TestRunFindings(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{".env": strings.Repeat("JWT_ACCESS_TOKEN_EXPIRES=864000\n", 30_000)})
	if result, _ := lints(t, dir, lint.Options{}, ".env"); len(result.Findings) != 10_001 {
		t.Errorf("%d findings, want 10,000 and one that says so", len(result.Findings))
	}
}
