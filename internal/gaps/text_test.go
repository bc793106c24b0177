package gaps_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/gaps"
)

// singles are n ranges of one number each, from 1001 on.
func singles(n int) (out []gaps.Range) {
	for i := range int64(n) {
		out = append(out, gaps.Range{From: 1001 + 2*i, To: 1001 + 2*i})
	}
	return out
}

func TestText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]gaps.Range{
		"":                      nil,
		"12,15-17":              {{12, 12}, {15, 17}},
		"1-9223372036854775806": {{1, math.MaxInt64 - 1}},
		"9223372036854775807":   {{math.MaxInt64, math.MaxInt64}},
	} {
		got, err := gaps.Parse(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if back, rest := gaps.Format(want); back != text || rest != nil {
			t.Errorf("%v is written %q, and %v is left", want, back, rest)
		}
	}
	hundred, rest := gaps.Format(singles(102))
	if got, err := gaps.Parse(hundred); err != nil || !slices.Equal(got, singles(100)) || !slices.Equal(rest, singles(102)[100:]) {
		t.Errorf("of 102 ranges: %d, %d left, %v", len(got), len(rest), err)
	}
	var large []gaps.Range
	for i := range int64(60) {
		large = append(large, gaps.Range{From: math.MaxInt64 - 300 + 4*i, To: math.MaxInt64 - 298 + 4*i})
	}
	text, rest := gaps.Format(large)
	if got, err := gaps.Parse(text); err != nil || len(text) > gaps.MaxText || !slices.Equal(append(got, rest...), large) || len(rest) == 0 {
		t.Errorf("of 60 long ranges: %d in %d bytes, %d left, %v", len(got), len(text), len(rest), err)
	}
	for _, text := range []string{
		",", "1,", ",1", "0", "-1", "1-", "1-1", "2-1", "2,1", "1,1", "1-3,3", "01", "+1", "1-+2", " 1", "1_0", "0x1", "1-2-3",
		"9223372036854775808", hundred + ",5000", strings.Repeat("1", gaps.MaxText+1),
	} {
		if got, err := gaps.Parse(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

// FuzzParse: a text has one meaning, and a meaning one text.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"", "12,15-17", "1-9223372036854775807", "01", "3-1", "1,,2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ranges, err := gaps.Parse(text)
		if err != nil {
			return
		}
		if back, rest := gaps.Format(ranges); back != text || rest != nil {
			t.Errorf("%q is written %q, and %v is left", text, back, rest)
		}
	})
}
