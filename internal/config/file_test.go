package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/config"
)

func TestFile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, yaml, want string }{
		{"comments only", "# nothing\n", ""},
		{"document marker", "---\nlog: {level: debug}\n", ""},
		{"empty section", "log:\ntoken:\n", ""},
		{"block scalar", "data: |\n  /srv\n", ""},
		{"two documents", "log: {}\n---\nlog: {}\n", ":3:"},
		{"a list", "- a\n", "must be a mapping"},
		{"a word", "sandi\n", "must be a mapping"},
		{"unclosed", "token: {access: 15m", "is not YAML"},
		{"tab", "token:\n\taccess: 15m\n", "is not YAML"},
		{"not UTF-8", "data: \xff\n", "is not UTF-8"},
		{"unknown key", "log:\n  levle: info\n", `:2:3: log.levle: unknown key | did you mean "level"?`},
		{"key of another section", "log:\n  rotate_every: 1d\n", `did you mean "key.rotate_every"?`},
		{"key without section", "token.access: 15m\n", `did you mean "token.access"?`},
		{"nothing like it", "log:\n  colour: red\n", "the keys here are: level, format"},
		{"control in a key", "\"a\\e[31m\": 1\n", `"a\x1b[31m": unknown key`},
		{"key twice", "data: /a\nlog: {}\ndata: /b\n", ":3:1: data: is set twice; the first is in line 1"},
		{"section twice", "log: {}\nlog: {}\n", ":2:1: log: is set twice"},
		{"no value", "data:\n", "must be text"},
		{"number for text", "issuer: 1\n", "must be text"},
		{"text for number", "session: {max_per_user: ten}\n", "must be a whole number"},
		{"fraction", "session: {max_per_user: 1.5}\n", "must be a whole number"},
		{"huge number", "session: {max_per_user: 99999999999999999999}\n", "must be a whole number"},
		{"yes", "log: {}\nlisten: {insecure_plain: yes}\n", "must be true or false"},
		{"no unit", "token: {access: 900}\n", `900 has no unit | write "900s" or "900m"`},
		{"fraction of a unit", "token: {access: 1.5h}\n", "is not a duration"},
		{"list for a duration", "token: {access: [15m]}\n", "must be a duration"},
		{"text for a list", "api: {origins: https://a.example}\n", "must be a list"},
		{"number in a list", "token: {audience: [a, 1]}\n", "item 2 of the list"},
		{"control in text", "data: \"a\\nb\"\n", "not printable"},
		{"control in a list", "token: {audience: [\"a\\e\"]}\n", "item 1 of the list"},
		{"anchor", "data: &a /srv\n", "must be text"},
		{"tag", "data: !!str /srv\n", "must be text"},
		{"merge key", "<<: {data: /srv}\n", "unknown key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(write(t, tt.yaml), nil, nil)
			got := faults(t, err)
			if tt.want == "" && err != nil || !strings.Contains(got, tt.want) {
				t.Errorf("faults of %q:\n%swant %q", tt.yaml, got, tt.want)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, entry, want string }{
		{"known", "SANDI_TOKEN_ACCESS=5m", ""},
		{"list", "SANDI_TOKEN_AUDIENCE=a, b,", ""},
		{"empty list", "SANDI_TOKEN_AUDIENCE=", ""},
		{"the command's own", "SANDI_CONFIG=x", ""},
		{"somebody else's", "SANDIX=1", ""},
		{"unknown", "SANDI_TOKEN_ACCES=5m", `did you mean "SANDI_TOKEN_ACCESS"?`},
		{"nothing like it", "SANDI_X=1", "lists all settings"},
		{"lower case", "SANDI_token_access=5m", "unknown environment variable"},
		{"empty duration", "SANDI_TOKEN_ACCESS=", "SANDI_TOKEN_ACCESS: token.access: \"\" is not a duration"},
		{"number", "SANDI_PASSWORD_QUEUE=many", `"many" is not a whole number`},
		{"switch", "SANDI_LISTEN_INSECURE_PLAIN=1", `"1" is not true or false`},
		{"judged later", "SANDI_ISSUER=http://a.example", "SANDI_ISSUER: issuer:"},
		{"control", "SANDI_DATA=a\x1b", "not printable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load("", []string{tt.entry}, nil)
			got := faults(t, err)
			if tt.want == "" && err != nil || !strings.Contains(got, tt.want) {
				t.Errorf("faults of %q:\n%swant %q", tt.entry, got, tt.want)
			}
		})
	}
	if got := config.Path([]string{"A=b", "SANDI_CONFIG=a.yaml"}); got != "a.yaml" {
		t.Errorf("Path() = %q, want a.yaml", got)
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, tt := range []struct {
		text string
		want time.Duration
		back string
	}{
		{"15m", 15 * time.Minute, "15m"},
		{"30d", 30 * day, "30d"},
		{"14d12h", 14*day + 12*time.Hour, "14d12h"},
		{"24h", day, "1d"},
		{"90m", 90 * time.Minute, "1h30m"},
		{"1d2h3m4s5ms", day + 2*time.Hour + 3*time.Minute + 4*time.Second + 5*time.Millisecond, "1d2h3m4s5ms"},
		{"0s", 0, "0s"},
		{"106751d", 106751 * day, "106751d"},
	} {
		got, err := config.ParseDuration(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", tt.text, got, err, tt.want)
		}
		if got := config.FormatDuration(tt.want); got != tt.back {
			t.Errorf("FormatDuration(%v) = %q, want %q", tt.want, got, tt.back)
		}
	}
	for _, text := range []string{"", "5", "m", "-5m", "+5m", "1.5h", "5M", "5 m", " 5m", "never", "1h1d", "1h1h", "1m2m", "5us", "106752d", "99999999999999999999s", "1d9223372036854775807ms", "५m", "5msm"} {
		if got, err := config.ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", text, got)
		}
	}
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{"15m", "30d", "14d12h", "1d2h3m4s5ms", "0s", "-1h", "106752d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := config.ParseDuration(s)
		if err != nil {
			return
		}
		if back, err := config.ParseDuration(config.FormatDuration(d)); d < 0 || err != nil || back != d {
			t.Errorf("%q is %v, printed and read back %v, %v", s, d, back, err)
		}
	})
}

func FuzzFile(f *testing.F) {
	for _, text := range []string{
		"issuer: https://id.example.com\ntoken: {access: 10m, audience: [a, 'b']}\n",
		"data: &a [*a, !!str x, {<<: *a}]\n? [k]\n: |\n  v\n--- \n... %YAML",
		"session:\n  max_per_user: 0x10\n  retry_window: \"1\\u0073\" # one\n",
	} {
		f.Add([]byte(text))
	}
	path := filepath.Join(f.TempDir(), "sandi.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		load := func(text []byte) (config.Config, error) {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			return config.Read(path, nil, nil)
		}
		c, err := load(text)
		if strings.ContainsAny(faults(t, err), "\x00\x1b\r") {
			t.Errorf("a fault shows control bytes: %q", err)
		}
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := c.Print(&b); err != nil {
			t.Fatal(err)
		}
		back, err := load(b.Bytes())
		if err != nil {
			t.Fatalf("printed configuration is refused: %v\n%s", err, b.String())
		}
		if diff := cmp.Diff(c, back); diff != "" {
			t.Errorf("printed and read back (-printed +read):\n%s", diff)
		}
	})
}

// TestKubernetesVariables: what Kubernetes tells of a Service called sandi is no setting, and no fault.
func TestKubernetesVariables(t *testing.T) {
	t.Parallel()
	given := []string{
		"SANDI_SERVICE_HOST=10.0.0.7", "SANDI_SERVICE_PORT=8080", "SANDI_SERVICE_PORT_HTTP=8080", "SANDI_PORT=tcp://10.0.0.7:8080",
		"SANDI_PORT_8080_TCP=tcp://10.0.0.7:8080", "SANDI_PORT_8080_TCP_PROTO=tcp", "SANDI_PORT_8080_TCP_PORT=8080", "SANDI_PORT_8080_TCP_ADDR=10.0.0.7",
	}
	if _, err := config.Load("", given, nil); err != nil {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{"SANDI_PORT=8080", "SANDI_PORT_HTTP=8080", "SANDI_SERVICE=x", "SANDI_SERVICE_HOSTS=x", "SANDI_PORT_8080_TCP_X=x"} {
		if _, err := config.Load("", []string{name}, nil); err == nil {
			t.Errorf("%s: got no fault", name)
		}
	}
}
