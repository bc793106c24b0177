package lint

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
)

// A zip ends at its limits, whatever it claims to hold; what was read before counts.
func TestZipLimits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files int
		text  string
		want  string
	}{
		"within":         {10, strings.Repeat("text ", 1000), ""},
		"many":           {11, "", "has more than 10 entries"},
		"large together": {10, strings.Repeat("some text ", 60_000), "unpacks to more than 4 MB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			z := zip.NewWriter(&b)
			for i := range c.files {
				w, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("a%d.txt", i)}) // stored
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.Write([]byte(c.text)); err != nil {
					t.Fatal(err)
				}
			}
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			r, err := newRun(Options{})
			if err != nil {
				t.Fatal(err)
			}
			r.entries, r.unpacked = 10, 4<<20
			out := r.zip(context.Background(), file{name: "b.zip", given: true}, b.Bytes())
			var got []string
			for _, f := range out.findings {
				got = append(got, f.Message)
			}
			if said := strings.Join(got, " "); len(got) > 1 || !strings.Contains(said, c.want) || c.want == "" && said != "" {
				t.Errorf("says %q, want %q", said, c.want)
			}
		})
	}
}
