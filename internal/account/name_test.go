package account_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/problem"
)

func TestNormalise(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const characters, reserved, long = "invalid_request username_characters", "invalid_request username_reserved", "invalid_request username_too_long"
	tests := []struct{ name, in, want, code string }{
		{"plain", "user1", "user1", ""},
		{"case", "AgentX", "agentx", ""},
		{"address", "Budi.Santoso@Contoh.id", "budi.santoso@contoh.id", ""},
		{"full width", "\uff35ser", "user", ""},
		{"composed", "rene\u0301", "ren\u00e9", ""},
		{"Chinese", "王小明", "王小明", ""},
		{"64 characters", strings.Repeat("王", 64), strings.Repeat("王", 64), ""},
		{"empty", "", "", "invalid_request username_missing"},
		{"65 characters", strings.Repeat("a", 65), "", long},
		{"very long", strings.Repeat("a", 1<<16), "", long},
		{"space", "budi santoso", "", characters},
		{"space at the end", "budi ", "", characters},
		{"full-width space", "budi\u3000santoso", "", characters},
		{"NUL", "budi\x00", "", characters},
		{"line break", "budi\nadmin", "", characters},
		{"escape", "\x1b[31mbudi", "", characters},
		{"zero width", "bu\u200bdi", "", characters},
		{"right to left override", "bu\u202edi", "", characters},
		{"not UTF-8", "budi\xff", "", characters},
		{"colon", "https://client.example", "", characters},
		{"full-width colon", "a\uff1ab", "", characters},
		{"emoji", "budi😀", "", characters},
		{"client of first-party tokens", "Sandi", "", reserved},
		{"actor of the command line", "CLI", "", reserved},
		{"client id", "SDC_app", "", reserved},
		{"refresh token", "sdr_x", "", reserved},
	}
	for _, tt := range tests {
		got, err := b.Normalise(tt.in)
		if got != tt.want || code(err) != tt.code {
			t.Errorf("%s: %q, %q; want %q, %q", tt.name, got, code(err), tt.want, tt.code)
		}
		if e, ok := errors.AsType[*problem.Error](err); ok && (e.Field != "username" || e.Kind != problem.Invalid) {
			t.Errorf("%s: %+v does not name the field", tt.name, e)
		}
	}
}

// Nobody passes for an administrator who registered by himself.
func TestNamesThatLookAlike(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const characters, reserved = "invalid_request username_characters", "invalid_request username_reserved"
	tests := []struct{ name, username, open, added string }{
		{"administrator's", "admin", reserved, ""},
		{"in capitals", "ROOT", reserved, ""},
		{"full width", "\uff53upport", reserved, ""},
		{"dotless i", "adm\u0131n", reserved, ""},
		{"accents", "\u00e1dmi\u0144", reserved, ""},
		{"Cyrillic throughout", "\u0430\u0501\u043c\u0456\u043f", reserved, ""},
		{"product, dressed up", "sand\u0131", reserved, ""},
		{"Cyrillic a", "\u0430dmin", reserved, characters},
		{"Greek o", "r\u03bfot2", characters, characters},
		{"longer", "admin2", "", ""},
		{"accent of a name", "ren\u00e9", "", ""},
		{"Cyrillic name", "\u0438\u0432\u0430\u043d99", "", ""},
		{"Chinese and Latin", "\u738b\u5c0f\u660ewang", "", ""},
	}
	for _, tt := range tests {
		_, err := b.Register(t.Context(), tt.username, good, nil, at(""))
		if code(err) != tt.open {
			t.Errorf("%s: open registration %q, want %q", tt.name, code(err), tt.open)
		}
		if err == nil {
			continue
		}
		if _, err := b.Add(t.Context(), account.NewUser{Username: tt.username, Password: good}, at("")); code(err) != tt.added {
			t.Errorf("%s: by the administrator %q, want %q", tt.name, code(err), tt.added)
		}
	}
}

// A subject normalises to itself: it is one name for ever.
func TestNormaliseIsStable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rapid.Check(t, func(t *rapid.T) {
		subject, err := b.Normalise(rapid.String().Draw(t, "username"))
		if err != nil {
			return
		}
		if again, err := b.Normalise(subject); err != nil || again != subject {
			t.Fatalf("%q becomes %q, %v", subject, again, err)
		}
	})
}
