package lint_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/sandi-auth/sandi/internal/lint"
)

// policyFiles writes 10,000 policies of 4 KB, and says where.
func policyFiles(b *testing.B) (dir string, paths []string) {
	b.Helper()
	dir = b.TempDir()
	for i := range 10_000 {
		var text strings.Builder
		fmt.Fprintf(&text, "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<OAuthV2 async=\"false\" continueOnError=\"false\" enabled=\"true\" name=\"Token-%d\">\n", i)
		text.WriteString("    <DisplayName>Token</DisplayName>\n    <Operation>GenerateAccessToken</Operation>\n    <ExpiresIn>1800000</ExpiresIn> <!-- 30 minutes -->\n    <RefreshTokenExpiresIn>86400000</RefreshTokenExpiresIn>\n")
		text.WriteString("    <SupportedGrantTypes>\n        <GrantType>authorization_code</GrantType>\n    </SupportedGrantTypes>\n    <Attributes>\n")
		for n := 0; text.Len() < 3900; n++ {
			fmt.Fprintf(&text, "        <Attribute name=\"attribute_%d\" ref=\"flow.token.attribute.%d\" display=\"false\">nothing</Attribute>\n", n, i*n)
		}
		text.WriteString("    </Attributes>\n    <GenerateResponse enabled=\"true\"/>\n</OAuthV2>\n")
		path := filepath.Join(dir, fmt.Sprintf("%05d.xml", i))
		if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
			b.Fatal(err)
		}
		paths = append(paths, path)
		b.SetBytes(int64(text.Len()) * 10_000)
	}
	b.ResetTimer()
	return dir, paths
}

// BenchmarkApigee is all of lint: files found, read, judged. It is to be no less than 0.6 of BenchmarkTokenise.
func BenchmarkApigee(b *testing.B) {
	dir, _ := policyFiles(b)
	for b.Loop() {
		result, err := lint.Run(context.Background(), []string{dir}, nil, lint.Options{})
		if err != nil || result.Policies != 10_000 || len(result.Findings) != 0 {
			b.Fatalf("%+v, %v", result, err)
		}
	}
}

// BenchmarkTokenise is encoding/xml alone, with as many workers.
func BenchmarkTokenise(b *testing.B) {
	_, paths := policyFiles(b)
	for b.Loop() {
		next := make(chan string)
		var wait sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			wait.Go(func() {
				for path := range next {
					tokenise(b, path)
				}
			})
		}
		for _, path := range paths {
			next <- path
		}
		close(next)
		wait.Wait()
	}
}

func tokenise(b *testing.B, path string) {
	text, err := os.ReadFile(path)
	for d := xml.NewDecoder(bytes.NewReader(text)); err == nil; {
		_, err = d.Token()
	}
	if !errors.Is(err, io.EOF) {
		b.Error(err)
	}
}
