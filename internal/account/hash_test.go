package account

import (
	"strings"
	"testing"
)

const goodPHC = "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

// What a stored hash may look like and cost.
func TestParsePHC(t *testing.T) {
	t.Parallel()
	with := func(old, new string) string { return strings.Replace(goodPHC, old, new, 1) }
	tests := []struct {
		name, in string
		ok       bool
	}{
		{"default", goodPHC, true},
		{"RFC 9106's second recommendation", with("m=19456,t=2,p=1", "m=65536,t=3,p=4"), true},
		{"largest", with("m=19456,t=2", "m=131072,t=8"), true},
		{"gigabytes", with("m=19456", "m=1048576"), false},
		{"most memory and most passes", with("m=19456,t=2", "m=131072,t=16"), false},
		{"many passes", with("t=2", "t=17"), false},
		{"beyond 32 bits", with("m=19456", "m=4294986752"), false},
		{"many lanes", with("p=1", "p=17"), false},
		{"less than 8 KiB a lane", with("m=19456,t=2,p=1", "m=8,t=2,p=2"), false},
		{"no memory", with("m=19456", "m=0"), false},
		{"no passes", with("t=2", "t=0"), false},
		{"no lanes", with("p=1", "p=0"), false},
		{"negative", with("t=2", "t=-2"), false},
		{"plus sign", with("t=2", "t=+2"), false},
		{"leading zero", with("t=2", "t=02"), false},
		{"space", with("t=2", "t= 2"), false},
		{"other order", with("m=19456,t=2", "t=2,m=19456"), false},
		{"parameter missing", with(",p=1", ""), false},
		{"parameter more", with("p=1", "p=1,keyid=1"), false},
		{"argon2i", with("argon2id", "argon2i"), false},
		{"other version", with("v=19", "v=16"), false},
		{"no version", with("v=19$", ""), false},
		{"prefix", "x" + goodPHC, false},
		{"part more", goodPHC + "$", false},
		{"padding", with("DA0ODw$", "DA0ODw==$"), false},
		{"line break", with("AAECAw", "AAEC\nAw"), false},
		{"stray bits", with("DA0ODw$", "DA0ODx$"), false},
		{"URL alphabet", with("AAECAw", "AA-_Aw"), false},
		{"short salt", with("AAECAwQFBgcICQoLDA0ODw$", "AAECAwQFBg$"), false},
		{"short hash", goodPHC[:len(goodPHC)-24], false},
		{"long", goodPHC + strings.Repeat("A", 200), false},
		{"bcrypt", "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", false},
		{"empty", "", false},
		{"dollars", "$$$$$", false},
	}
	for _, tt := range tests {
		h, err := parsePHC(tt.in, boundsFor(floor))
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok %v", tt.name, err, tt.ok)
		}
		if err == nil && h.String() != tt.in {
			t.Errorf("%s: comes back as %s", tt.name, h)
		}
	}
	mine := Params{MemoryKiB: 512 << 10, Iterations: 20, Parallelism: 32}
	if _, err := parsePHC(with("m=19456,t=2,p=1", "m=524288,t=20,p=32"), boundsFor(mine)); err != nil {
		t.Errorf("a configured cost above the bounds: %v", err)
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add(goodPHC)
	f.Add("$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$AAECAwQFBgcICQoLDA0ODw")
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$$")
	f.Fuzz(func(t *testing.T, s string) {
		b := boundsFor(floor)
		h, err := parsePHC(s, b)
		if err != nil {
			return
		}
		if h.String() != s || !h.within(b) || h.work() > 1<<20 || h.MemoryKiB < 8 {
			t.Fatalf("accepted %q as %+v", s, h)
		}
	})
}

// A rehash is due when the stored hash costs less, not when it merely differs.
func TestWeakHash(t *testing.T) {
	t.Parallel()
	h := newHasher(Params{MemoryKiB: 64, Iterations: 2, Parallelism: 1}, 1, 1)
	for _, tt := range []struct {
		stored Params
		weak   bool
	}{
		{Params{64, 2, 1}, false},
		{Params{64, 3, 1}, false},
		{Params{128, 1, 2}, false},
		{Params{64, 1, 1}, true},
		{Params{32, 4, 1}, true},
		{Params{32, 9, 1}, true},
	} {
		old := newHasher(tt.stored, 1, 1)
		stored, err := old.hash(t.Context(), "kopi susu")
		if err != nil {
			t.Fatal(err)
		}
		ok, weak, err := h.verify(t.Context(), stored, "kopi susu")
		if err != nil || !ok || weak != tt.weak {
			t.Errorf("%+v: ok %v, weak %v, %v; want weak %v", tt.stored, ok, weak, err, tt.weak)
		}
	}
	if ok, _, err := h.verify(t.Context(), "", "kopi susu"); ok || err != nil {
		t.Errorf("the dummy: %v, %v", ok, err)
	}
}
