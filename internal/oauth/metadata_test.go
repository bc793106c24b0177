package oauth

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// The discovery document lists exactly what works: without what single clients may do by an Insecure switch.
// checklist 1, 2, 15, 28, 105, 106
func TestMetadata(t *testing.T) {
	t.Parallel()
	plain, _, _ := askable(t)
	full, _, _ := askable(t)
	full.MutualTLS, full.RequirePushed, full.Registration = true, true, []byte{1}
	symmetric, _, _ := askable(t)
	symmetric.Policy.Symmetric = true
	for name, e := range map[string]*Endpoint{"metadata.json": plain, "metadata_full.json": full, "metadata_hs256.json": symmetric} {
		got, err := json.MarshalIndent(e.Metadata(), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		golden := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: got %s, want %s (go test -update writes it)", name, got, want)
		}
		for _, never := range []string{"password", "implicit", "null", "[]", "HS256", "plain"} {
			if bytes.Contains(got, []byte(never)) {
				t.Errorf("%s lists %s", name, never)
			}
		}
	}
}
