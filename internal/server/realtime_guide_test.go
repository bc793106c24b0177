package server_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/config"
)

// block is what stands in a fenced block of the guide.
func block(t *testing.T, fence string) string {
	t.Helper()
	guide, err := os.ReadFile(filepath.Join("..", "..", "docs", "guides", "sockets.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```" + regexp.QuoteMeta(fence) + "\n(.*?)```").FindSubmatch(guide)
	if m == nil {
		t.Fatalf("the guide has no block %q", fence)
	}
	return string(m[1])
}

// The lines of docs/guides/sockets.md run as printed.
func TestRealtimeGuide(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, tool)
		}
	}
	r := start(t, nil) // the demo as it is
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail")
	cmd.Stdin = strings.NewReader(strings.ReplaceAll(block(t, "sh run"), "http://127.0.0.1:5000", r.url))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if lines := strings.Join(strings.Fields(out.String()), " "); !regexp.MustCompile(`^\{"ticket":"sdt_[^"]+","expires_in":30\} 101 401 403$`).MatchString(lines) {
		t.Errorf("output: %s", lines)
	}
}

// The guide's configuration is one that a server starts with.
func TestRealtimeGuideConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, schema := filepath.Join(dir, "sandi.yaml"), filepath.Join(dir, "ops.schema.json")
	if err := errors.Join(os.WriteFile(file, []byte(block(t, "yaml config")), 0o600), os.WriteFile(schema, []byte(`{"type":"object"}`), 0o600)); err != nil {
		t.Fatal(err)
	}
	read, err := config.Load(file, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(t, func(_ *testing.T, c *config.Config) {
		c.Realtime = read.Realtime
		for i := range c.Realtime.Channels {
			if one := &c.Realtime.Channels[i]; one.SchemaFile != "" {
				one.SchemaFile = schema
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
