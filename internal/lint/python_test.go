package lint_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/lint"
)

// policiesOf reads a text as a format.
func policiesOf(t testing.TB, format, name, text string) ([]lint.Policy, error) {
	t.Helper()
	for _, reader := range lint.Readers() {
		if reader.Format == format {
			return reader.Read(&lint.Source{Name: name, Text: []byte(text)})
		}
	}
	t.Fatalf("no reader %q", format)
	return nil, nil
}

// onlyLifetime is the one of a kind that a program says.
func onlyLifetime(t *testing.T, format, name, text string, kind lint.Kind) lint.Lifetime {
	t.Helper()
	policies, err := policiesOf(t, format, name, text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range policies {
		if l, ok := policies[i].Lifetime(kind); ok {
			return l
		}
	}
	t.Fatalf("no lifetime of the %s in %d policies", kind, len(policies))
	return lint.Lifetime{}
}

// Constant expressions are worked out, in every way in which people write them.
func TestPythonLifetimes(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]struct {
		state lint.State
		value time.Duration
		write string // of 30 minutes
	}{
		`timedelta(minutes=15)`:               {lint.Literal, 15 * time.Minute, "timedelta(minutes=30)"},
		`datetime.timedelta(1, 3600)`:         {lint.Literal, 25 * time.Hour, "datetime.timedelta(minutes=30)"},
		`timedelta(days=1, hours=2, weeks=1)`: {lint.Literal, 8*day + 2*time.Hour, "timedelta(minutes=30)"},
		`timedelta(hours=0.5)`:                {lint.Literal, 30 * time.Minute, "timedelta(minutes=30)"},
		`2 * timedelta(hours=1)`:              {lint.Literal, 2 * time.Hour, ""},
		`60 * 60 * 24`:                        {lint.Literal, day, "1800"},
		`(1 << 0) if False else 60`:           {lint.Dynamic, time.Minute, ""},
		`3_600`:                               {lint.Literal, time.Hour, "1800"},
		"60 * \\\n    60":                     {lint.Literal, time.Hour, "1800"},
		`HOUR * 2`:                            {lint.Literal, 2 * time.Hour, ""},
		`False`:                               {lint.Never, 0, "1800"},
		`int(os.environ.get("TTL", "3600"))`:  {lint.Dynamic, time.Hour, ""},
		`timedelta(minutes=int(os.getenv("TTL", 15)))`:         {lint.Dynamic, 15 * time.Minute, ""},
		`os.environ.get("TTL") or 900`:                         {lint.Dynamic, 15 * time.Minute, ""},
		`config("TTL", default=60, cast=int)`:                  {lint.Dynamic, time.Minute, ""},
		`os.environ["TTL"]`:                                    {lint.Dynamic, 0, ""},
		`timedelta(days=1) if DEBUG else timedelta(minutes=5)`: {lint.Dynamic, day, ""},
		`TWICE`: {lint.Dynamic, 0, ""},
		`"15m"`: {lint.Wrong, 0, "1800"},
		`-5`:    {lint.Wrong, -5 * time.Second, "1800"},
		`timedelta(minutes=15) # { ''' not a string`:              {lint.Literal, 15 * time.Minute, "timedelta(minutes=30)"},
		"(\n  # a comment\n\ttimedelta(\n\t\tminutes=10,\n\t)\n)": {lint.Literal, 10 * time.Minute, "timedelta(minutes=30)"},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			program := "import os, datetime\nfrom datetime import timedelta\nHOUR = 3600\nTWICE = 1\nTWICE = 2\n" +
				"'''JWT_ACCESS_TOKEN_EXPIRES = 1'''\nx = f\"{d[\"JWT\"]} {'}'} \"\n\n@app.route(\"/\")\ndef view():\n\tJWT_ACCESS_TOKEN_EXPIRES = 5\n\n" +
				"app.config['JWT_ACCESS_TOKEN_EXPIRES'] = " + text + "\n"
			l := onlyLifetime(t, "python", "app.py", program, lint.Access)
			write := ""
			if l.Write != nil {
				write = l.Write(30 * time.Minute)
			}
			if l.State != want.state || l.Value != want.value || write != want.write {
				t.Errorf("state %d, %s, writes %q; want %d, %s, %q", l.State, l.Value, write, want.state, want.value, want.write)
			}
			if got := program[l.At.Start:l.At.End]; got != l.Raw {
				t.Errorf("stands at %q, raw %q", got, l.Raw)
			}
		})
	}
}

// What no program can be is told with its place, in bounded time.
func TestPythonHostile(t *testing.T) {
	t.Parallel()
	const head = "import flask_jwt_extended\n"
	for name, test := range map[string]struct{ text, problem string }{
		"open string":     {head + "x = '''abc\n", "never closed"},
		"open bracket":    {head + "x = (1,\n", "never closed"},
		"closed too much": {head + "x = 1)\n", "never opened"},
		"deep":            {head + "x = " + strings.Repeat("(", 5000) + strings.Repeat(")", 5000), "deeper than 200"},
		"indented":        {head + indents(300), "deeper than Python"},
		"minus":           {head + "x = " + strings.Repeat("-", 100_000) + "1", "deeper than 200"},
		"powers":          {head + "x = " + strings.Repeat("2 ** ", 100_000) + "1", "deeper than 200"},
		"classes":         {head + strings.Repeat("class a:", 10_000), "deeper than 200"},
		"large":           {head + strings.Repeat("#", 5<<20), "larger than 4 MB"},
		"sums":            {head + "JWT_ACCESS_TOKEN_EXPIRES = " + strings.Repeat("1 + ", 100_000) + "1", ""},
		"doubling":        {head + doubling("%s = %s + %s\n", 60) + "JWT_ACCESS_TOKEN_EXPIRES = a0\n", ""},
		"itself":          {head + "a = a + 1\nJWT_ACCESS_TOKEN_EXPIRES = a\n", ""},
		"claims":          {"import jwt\nx = x\na = b\nb = a\njwt.encode(x, 'k')\njwt.encode(a, 'k', algorithm=b)\n", ""},
		"nul":             {head + "JWT_ACCESS_TOKEN_EXPIRES = 5\x00\n", ""},
		"formatted":       {head + "x = f'" + strings.Repeat("{f\"", 10_000) + "'\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := policiesOf(t, "python", "app.py", test.text)
			unreadable := (*lint.Unreadable)(nil)
			switch {
			case test.problem == "" && err != nil && name != "formatted":
				t.Errorf("got %v", err)
			case test.problem != "" && (!errors.As(err, &unreadable) || !strings.Contains(err.Error(), test.problem) || unreadable.At.Line < 1):
				t.Errorf("got %v, want *Unreadable: %s", err, test.problem)
			}
		})
	}
}

func indents(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "def f():\n")
	}
	return b.String()
}

// doubling is a chain of names, each made of the next one twice.
func doubling(format string, n int) string {
	var b strings.Builder
	for i := range n {
		next := "a" + strings.Repeat("b", i+1)
		name := "a" + strings.Repeat("b", i)
		if i == 0 {
			name = "a0"
		}
		b.WriteString(strings.Replace(strings.Replace(strings.Replace(format, "%s", name, 1), "%s", next, 1), "%s", next, 1))
	}
	return b.String()
}

// The lines of an environment set what Flask reads, with or without its prefix.
func TestDotenv(t *testing.T) {
	t.Parallel()
	text := "# settings\nexport JWT_SECRET_KEY='sssh'\nFLASK_JWT_ACCESS_TOKEN_EXPIRES=86400 # 1 hour\nJWT_REFRESH_TOKEN_EXPIRES=\"false\"\nJWT_ALGORITHM=none\n"
	l := onlyLifetime(t, "dotenv", ".env", text, lint.Access)
	if l.Value != 24*time.Hour || l.Comment != "1 hour" || text[l.At.Start:l.At.End] != "86400" || l.Write(time.Minute) != "60" {
		t.Errorf("got %+v", l)
	}
	if l := onlyLifetime(t, "dotenv", ".env", text, lint.Refresh); l.State != lint.Never || text[l.At.Start:l.At.End] != "false" {
		t.Errorf("got %+v", l)
	}
}

func FuzzPython(f *testing.F) {
	for _, seed := range []string{
		"from flask_jwt_extended import *\napp.config['JWT_ACCESS_TOKEN_EXPIRES'] = timedelta(days=1)  # 1 hour\n",
		"SIMPLE_JWT = {'ACCESS_TOKEN_LIFETIME': timedelta(1), **x}\nOAUTH2_PROVIDER = dict(A=[i for i in y], PKCE_REQUIRED=False)\n",
		"import jwt\nclass A(B):\n  def f(self, *a, x: int = 1) -> T: return jwt.encode({'a': f'{x!r:>{w}}'}, 'k' 'l', algorithm=r\"\\d\")\n",
		"import jwt\nx = lambda a, b=1: a if b else jwt.decode(t, options={'verify_exp': not True})\\\n\n", "import jwt\nx: int = (y := 3 ** -2 // 4)\n\tasync def f(): await g[1:2, ...]\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { fuzzed(t, "python", "a.py", text) })
}

// fuzzed reads a text; every place that comes of it lies in the text, and what can be written can be asked for.
func fuzzed(t *testing.T, format, name, text string) {
	t.Helper()
	policies, err := policiesOf(t, format, name, text)
	unreadable := (*lint.Unreadable)(nil)
	if err != nil && !errors.As(err, &unreadable) {
		t.Fatalf("error %v is no *Unreadable", err)
	}
	for i := range policies {
		for _, l := range policies[i].Lifetimes {
			if l.At.Start < 0 || l.At.End > len(text) || l.At.Start > l.At.End {
				t.Fatalf("lifetime at %+v of %d bytes", l.At, len(text))
			}
			if l.Write != nil {
				l.Write(time.Hour)
			}
		}
		for _, fact := range policies[i].Facts {
			if fact.At.Start < 0 || fact.At.End > len(text) || fact.At.Start > fact.At.End {
				t.Fatalf("fact at %+v of %d bytes", fact.At, len(text))
			}
		}
	}
	for _, rule := range lint.Rules() {
		thresholds, _ := lint.Profile("strict")
		for i := range policies {
			if rule.Check != nil {
				rule.Check(&policies[i], thresholds)
			}
		}
	}
}
