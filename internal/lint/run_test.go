package lint_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/sandi-auth/sandi/internal/lint"
)

// long is a policy whose access tokens live 10 days.
const long = `<OAuthV2 name="long">
  <Operation>GenerateAccessToken</Operation>
  <ExpiresIn>864000000</ExpiresIn>
  <RefreshTokenExpiresIn>8640000000</RefreshTokenExpiresIn>
  <SupportedGrantTypes><GrantType>authorization_code</GrantType></SupportedGrantTypes>
</OAuthV2>
`

// tree writes files below a new folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// lints runs over paths of a folder and returns what was found, with names from the folder on.
func lints(t *testing.T, dir string, o lint.Options, paths ...string) (*lint.Result, string) {
	t.Helper()
	for i := range paths {
		paths[i] = filepath.Join(dir, paths[i])
	}
	if o.Now == nil {
		o.Now = today
	}
	result, err := lint.Run(context.Background(), paths, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	return result, said(result, filepath.ToSlash(dir)+"/")
}

// only keeps the lines with a rule.
func only(said, rule string) string {
	var kept []string
	for line := range strings.Lines(said) {
		if strings.HasSuffix(line, " "+rule+"\n") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func TestRunFolders(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{
		"b/x.xml": long, "a.xml": long, "node_modules/x.xml": long, ".git/x.xml": long, ".venv/x.xml": long, "vendor/x.xml": long,
		"deep/__pycache__/x.xml": long, "README.md": "# nothing", "picture.png": "\x89PNG\x00\x00",
	})
	var last int
	o := lint.Options{Only: []string{"SND101"}, Progress: func(done, all int) { last = all - done }}
	result, got := lints(t, dir, o, ".")
	if want := "a.xml:3:14: error SND101\nb/x.xml:3:14: error SND101\n"; got != want {
		t.Errorf("found\n%swant\n%s", got, want)
	}
	if result.Sources != 2 || result.Skipped != 2 || result.Policies != 2 || len(result.Unknown) != 0 || last != 0 {
		t.Errorf("counted %d sources, %d skipped, %d policies, unknown %v, %d to come", result.Sources, result.Skipped, result.Policies, result.Unknown, last)
	}
	if text := string(result.Findings[0].Source.Text); text != long {
		t.Errorf("the source of a finding has the text %q", text)
	}
	result, _ = lints(t, dir, o, "README.md", "a.xml", "a.xml", "b")
	if len(result.Unknown) != 1 || !strings.HasSuffix(result.Unknown[0], "/README.md") || len(result.Findings) != 2 {
		t.Errorf("unknown %v, %d findings; want README.md and each file once", result.Unknown, len(result.Findings))
	}
}

// Memory is that of the files being read: what was judged and is well keeps no text, and no policy keeps what writes into it.
func TestRunLetsGo(t *testing.T) {
	t.Parallel()
	well := strings.NewReplacer("864000000", "1800000", "8640000000", "86400000").Replace(long)
	dir := tree(t, map[string]string{"well.xml": well, "long.xml": long})
	result, _ := lints(t, dir, lint.Options{Keep: true}, ".")
	if len(result.All) != 2 {
		t.Fatalf("kept %d policies, want 2", len(result.All))
	}
	for _, p := range result.All {
		if strings.HasSuffix(p.Source.Name, "well.xml") != (p.Source.Text == nil) {
			t.Errorf("%s keeps %d bytes", p.Source.Name, len(p.Source.Text))
		}
		if l, ok := p.Lifetime(lint.Access); !ok || l.Value == 0 || l.Write != nil {
			t.Errorf("%s: kept the lifetime %+v", p.Source.Name, l)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"a.xml": long})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		ctx   context.Context
		paths []string
		o     lint.Options
		want  string
	}{
		"no such file":   {context.Background(), []string{filepath.Join(dir, "none.xml")}, lint.Options{}, "none.xml"},
		"no such format": {context.Background(), []string{dir}, lint.Options{Format: "cobol"}, `no format "cobol"`},
		"no such rule":   {context.Background(), []string{dir}, lint.Options{Ignore: []string{"SND999"}}, `no rule "SND999"`},
		"cancelled":      {ctx, []string{dir}, lint.Options{}, context.Canceled.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := lint.Run(c.ctx, c.paths, nil, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// A link is neither followed out of the folder nor round and round; a path given by its name may be a link.
func TestRunLinks(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"in/a.xml": long, "out/b.xml": long})
	for from, to := range map[string]string{"in/loop": "..", "in/out": "../out", "in/b.xml": "../out/b.xml", "in/self": "self", "named.xml": "out/b.xml"} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			if runtime.GOOS == "windows" && !errors.Is(err, fs.ErrExist) {
				t.Skip("no right to make links")
			}
			t.Fatal(err)
		}
	}
	_, got := lints(t, dir, lint.Options{Only: []string{"SND101"}}, "in", "named.xml")
	if want := "in/a.xml:3:14: error SND101\nnamed.xml:3:14: error SND101\n"; got != want {
		t.Errorf("found\n%swant\n%s", got, want)
	}
}

func TestRunStdin(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, format, want string }{
		"found out": {long, "", "-:3:14: error SND101\n"},
		"as":        {long, "apigee", "-:3:14: error SND101\n"},
		"zip":       {string(zipped(t, map[string]string{"apiproxy/policies/a.xml": long})), "", "-!apiproxy/policies/a.xml:3:14: error SND101\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result, err := lint.Run(context.Background(), []string{"-"}, func() ([]byte, error) { return []byte(c.text), nil },
				lint.Options{Only: []string{"SND101"}, Format: c.format})
			if err != nil {
				t.Fatal(err)
			}
			if got := said(result, ""); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// A text that says its encoding by a byte order mark is read; but for UTF-8, its findings have no fix, since their places are not those of the file.
func TestRunEncodings(t *testing.T) {
	t.Parallel()
	var sixteen bytes.Buffer
	sixteen.WriteString("\xFF\xFE")
	for _, u := range utf16.Encode([]rune(long)) {
		sixteen.Write([]byte{byte(u), byte(u >> 8)})
	}
	var thirtyTwo bytes.Buffer
	thirtyTwo.WriteString("\x00\x00\xFE\xFF")
	for _, r := range long {
		thirtyTwo.Write([]byte{0, 0, 0, byte(r)})
	}
	for name, c := range map[string]struct {
		text, want string
		fix        bool
	}{
		"UTF-8":            {long, "x.xml:3:14: error SND101\n", true},
		"marked UTF-8":     {"\xEF\xBB\xBF" + long, "x.xml:3:14: error SND101\n", true},
		"UTF-16":           {sixteen.String(), "x.xml:3:14: error SND101\n", false},
		"UTF-32":           {thirtyTwo.String(), "x.xml:3:14: error SND101\n", false},
		"declared":         {`<?xml version="1.0" encoding="UTF-8"?>` + long, "x.xml:3:14: error SND101\n", true},
		"Latin 1":          {strings.Replace(long, "long", "l\xF6ng", 1), "x.xml:1:1: error SND901\n", false},
		"NUL":              {strings.Replace(long, "864", "8\x004", 1), "x.xml:1:1: error SND901\n", false},
		"odd UTF-16":       {sixteen.String() + "x", "x.xml:3:14: error SND101\n", false},
		"cut off":          {long[:200], "", false},
		"half a surrogate": {"\xFE\xFF\xD8\x00" + "\x00<\x00a", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result, got := lints(t, tree(t, map[string]string{"x.xml": c.text}), lint.Options{Only: []string{"SND101", "SND901"}}, ".")
			if c.want != "" && got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
			if len(result.Findings) > 0 && c.fix != (result.Findings[0].Fix != nil) {
				t.Errorf("fix %v, want one: %v", result.Findings[0].Fix, c.fix)
			}
		})
	}
}

// A file of a bundle brings the rest of it for the rules that look at all, and for no others.
func TestRunBundles(t *testing.T) {
	t.Parallel()
	const refresh = `<OAuthV2 name="refresh">
  <Operation>RefreshAccessToken</Operation>
  <ExpiresIn>864000000</ExpiresIn>
  <RefreshTokenExpiresIn>8640000000</RefreshTokenExpiresIn>
</OAuthV2>`
	const verify = `<OAuthV2 name="verify"><Operation>VerifyAccessToken</Operation></OAuthV2>`
	dir := tree(t, map[string]string{
		"whole/apiproxy/policies/token.xml": long, "whole/apiproxy/policies/refresh.xml": refresh,
		"half/apiproxy/policies/token.xml": long, "half/apiproxy/policies/verify.xml": verify,
		"alone/token.xml": long,
	})
	o := lint.Options{Only: []string{"SND101", "SND205"}}
	for name, c := range map[string]struct {
		paths []string
		want  string
	}{
		"all": {[]string{"."}, `alone/token.xml:3:14: error SND101
half/apiproxy/policies/token.xml:2:14: warning SND205
half/apiproxy/policies/token.xml:3:14: error SND101
whole/apiproxy/policies/refresh.xml:3:14: error SND101
whole/apiproxy/policies/token.xml:3:14: error SND101
`},
		"one file":            {[]string{"whole/apiproxy/policies/token.xml"}, "whole/apiproxy/policies/token.xml:3:14: error SND101\n"},
		"another of its own":  {[]string{"half/apiproxy/policies/verify.xml"}, "half/apiproxy/policies/token.xml:2:14: warning SND205\n"},
		"both, and told once": {[]string{"half/apiproxy/policies/verify.xml", "half/apiproxy/policies/token.xml"}, "half/apiproxy/policies/token.xml:2:14: warning SND205\nhalf/apiproxy/policies/token.xml:3:14: error SND101\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result, got := lints(t, dir, o, c.paths...)
			if got != c.want {
				t.Errorf("found\n%swant\n%s", got, c.want)
			}
			for _, f := range result.Findings {
				if string(f.Source.Text) == "" {
					t.Errorf("%s at %s has no text", f.Rule, f.Source.Name)
				}
			}
		})
	}
}

// zipped is a zip of files.
func zipped(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range files {
			if !yield(name) {
				return
			}
		}
	}) {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A policy that does not run is one step less bad; a secret is never shown.
func TestRunShown(t *testing.T) {
	t.Parallel()
	s := lint.Source{Text: []byte("key = hush # é"), Secrets: []lint.Span{{Start: 6, End: 10}, {Start: 12, End: 99}}}
	if got := string(s.Shown()); got != "key = **** #***" {
		t.Errorf("shown %q", got)
	}
	dir := tree(t, map[string]string{"a.xml": strings.Replace(long, "<OAuthV2", `<OAuthV2 enabled="false"`, 1)})
	if _, got := lints(t, dir, lint.Options{Only: []string{"SND101"}}, "."); got != "a.xml:3:14: warning SND101\n" {
		t.Errorf("a disabled policy gives %q", got)
	}
}

// Work ends: whatever is read, in a time that has nothing to do with what it claims to be.
func bounded(t *testing.T, run func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); run() }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
}
