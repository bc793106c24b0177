package config_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/config"
)

var update = flag.Bool("update", false, "rewrite golden files and docs/configuration.md")

// write puts a configuration into a file of its own.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sandi.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// golden compares got with a file, or rewrites it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not up to date; run go test ./internal/config -update (-file +now):\n%s", path, diff)
	}
}

// faults are those of err, each in one line with its hint.
func faults(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*config.Error](err)
	if !ok {
		t.Fatalf("error is %T, want *config.Error: %v", err, err)
	}
	var b strings.Builder
	for _, f := range e.Faults {
		b.WriteString(f.String())
		if f.Hint != "" {
			b.WriteString(" | " + f.Hint)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestLoadOrder(t *testing.T) {
	t.Parallel()
	path := write(t, "listen: {addr: '127.0.0.1:1001'}\nlog: {level: debug, format: json}\ntoken:\n  audience: ['a,b', c]\n  access: 10m\nsession:\n")
	environ := []string{"HOME=/root", "SANDI_CONFIG=elsewhere", "SANDI_LOG_LEVEL=warn", "SANDI_LISTEN_ADDR=127.0.0.1:1002", "SANDI_API_ORIGINS=https://a.example, https://b.example"}
	c, err := config.Load(path, environ, map[string]string{"listen.addr": "127.0.0.1:1003", "data": "/srv"})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Listen.Addr, want.Data = "127.0.0.1:1003", "/srv"
	want.Log = config.Log{Level: "warn", Format: "json"}
	want.Token.Audience, want.Token.Access = []string{"a,b", "c"}, 10*time.Minute
	want.API.Origins = []string{"https://a.example", "https://b.example"}
	if diff := cmp.Diff(want.Resolved(""), c); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
	if c.Issuer != "http://127.0.0.1:1003" || c.Store.URL != "sqlite:/srv/sandi.db" || c.Key.MasterFile != "/srv/master.key" {
		t.Errorf("filled in: issuer %q, store %q, master key %q", c.Issuer, c.Store.URL, c.Key.MasterFile)
	}
}

// secure-defaults 2g, 2h: an unknown configuration key is refused; checklist: all faults at once, each with its place.
func TestFaultsGolden(t *testing.T) {
	t.Parallel()
	environ := []string{"SANDI_TOKEN_ACESS=5m", "SANDI_LOG_FORMAT=xml", "SANDI_MASTER=x", "SANDI_LISTEN_INSECURE_PLAIN=yes"}
	_, err := config.Load("testdata/faults.yaml", environ, map[string]string{"key.rotate_every": "1s"})
	got := faults(t, err)
	if strings.Contains(got, "hunter2") {
		t.Error("a fault shows the password of store.url")
	}
	golden(t, "testdata/faults.golden", got)
}

// printed is what Print writes of a configuration with these flags.
func printed(t *testing.T, flags map[string]string) string {
	t.Helper()
	c, err := config.Read("", nil, flags)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := c.Print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPrintGolden(t *testing.T) {
	t.Parallel()
	flags := map[string]string{"token.profile": "flask", "issuer": "https://id.example.com"}
	golden(t, "testdata/flask.golden.yaml", printed(t, flags))
	c, err := config.Load("", nil, flags)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Insecure(); !cmp.Equal(got, []string{"token.insecure_no_rotation"}) {
		t.Errorf("Insecure() = %q, want the one that the profile sets", got)
	}
}

// commented is a setting that Print left out, as opposed to a sentence about one.
var commented = regexp.MustCompile(`(?m)^( *)#(\w)`)

func TestPrintedIsReadBack(t *testing.T) {
	t.Parallel()
	flags := map[string]string{
		"issuer": "https://id.example.com", "token.audience": `say "hi", 世界`, "session.retry_window": "1500ms", "data": "a\\b #c: d",
	}
	first, err := config.Load("", nil, flags)
	if err != nil {
		t.Fatal(err)
	}
	text := printed(t, flags)
	for name, text := range map[string]string{"as it is": text, "uncommented": commented.ReplaceAllString(text, "$1$2")} {
		second, err := config.Load(write(t, text), nil, nil)
		if err != nil {
			t.Fatalf("%s: %s\nof:\n%s", name, faults(t, err), text)
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("%s, printed and read back (-printed +read):\n%s", name, diff)
		}
	}
}

// A printed file fixes nothing that follows from other settings: a change in it does what it does in an empty file.
func TestPrintedFileCanBeChanged(t *testing.T) {
	t.Parallel()
	text := printed(t, nil)
	for _, tt := range []struct{ path, value string }{
		{"issuer", "https://id.example.com"},
		{"data", "/srv"},
		{"listen.addr", "127.0.0.1:1001"},
		{"token.profile", "flask"},
		{"token.profile", "apigee"},
		{"token.profile", "hourly"},
		{"token.access", "30s"},
		{"token.refresh_absolute", "7d"},
	} {
		key := tt.path[strings.LastIndexByte(tt.path, '.')+1:]
		line := regexp.MustCompile(`(?m)^ *#?` + key + `: .*$`).FindString(text) // the first of that name
		if line == "" {
			t.Fatalf("%s is not printed", tt.path)
		}
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		got, err := config.Load(write(t, strings.Replace(text, line, indent+key+": "+strconv.Quote(tt.value), 1)), nil, nil)
		if err != nil {
			t.Errorf("%s: %s: %s", tt.path, tt.value, faults(t, err))
			continue
		}
		want, err := config.Load("", nil, map[string]string{tt.path: tt.value})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s in a printed file (-fresh +printed):\n%s", tt.path, tt.value, diff)
		}
	}
}

// Nothing prints the password of a store.
func TestPasswordsAreRedacted(t *testing.T) {
	t.Parallel()
	c := config.Default()
	for _, tt := range []struct{ url, want string }{
		{"postgres://sandi:hunter2@db/sandi", "postgres://sandi:xxxxx@db/sandi"},
		{"postgres://sandi@db/sandi?sslmode=require&password=hunter2&sslpassword=hunter2&a=b", "sandi?sslmode=require&password=xxxxx&sslpassword=xxxxx&a=b"},
		{"postgres://sandi@db/sandi?P%41SSWORD=hunter2", "sandi?P%41SSWORD=xxxxx"},
		{"postgres://sandi@db/sandi?password=a#hunter2", "sandi?password=xxxxx#xxxxx"},
		{"postgres://sandi@db/sandi?a=b;password=hunter2", "sandi?xxxxx"},
		{"postgres://sandi@db/sandi?p%zz=hunter2", "sandi?xxxxx"},
		{"postgres://sandi:hunter2%@db/sandi", `xxxxx`},
		{"postgres://sandi:a#hunter2@db/sandi", `xxxxx`},
		{"sqlite:/var/lib/50%/sandi.db", "sqlite:/var/lib/50%/sandi.db"},
	} {
		c.Store.URL, c.Cluster.URL = tt.url, strings.Replace(tt.url, "postgres:", "redis:", 1)
		var b bytes.Buffer
		if err := c.Print(&b); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"Print": b.String(), "String": c.String(), "GoString": c.GoString(), "LogValue": c.LogValue().String()} {
			text = strings.ReplaceAll(text, `\u0026`, "&") // as encoding/json writes it
			if strings.Contains(text, "hunter2") || !strings.Contains(text, tt.want) {
				t.Errorf("%s of %s: got %s, want %s in it", name, tt.url, text, tt.want)
			}
		}
	}
}

func TestConfigurationDoc(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := config.Doc(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "../../docs/configuration.md", b.String())
}

func TestEverySettingIsDocumented(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range config.Settings() {
		if len(s.Doc) < 20 || !strings.HasSuffix(s.Doc, ".") && s.Path != "store.url" {
			t.Errorf("%s: documentation %q is not a sentence", s.Path, s.Doc)
		}
		if s.Env != "" && seen[s.Env] {
			t.Errorf("%s: two settings share %s", s.Path, s.Env)
		}
		seen[s.Env] = true
	}
}

func TestUnreadableFile(t *testing.T) {
	t.Parallel()
	large := write(t, strings.Repeat("# filler\n", 1<<13))
	for name, path := range map[string]string{"missing": filepath.Join(t.TempDir(), "none.yaml"), "folder": t.TempDir(), "too large": large} {
		if _, err := config.Load(path, nil, nil); !strings.Contains(faults(t, err), path) {
			t.Errorf("%s: error %v does not name the file", name, err)
		}
	}
}
