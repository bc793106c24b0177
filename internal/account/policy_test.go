package account

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go/frequency"

	"github.com/sandi-auth/sandi/internal/problem"
)

// ASVS 6.2.1, 6.2.5, 6.2.8, 6.2.9, 6.2.11, secure-defaults 12c
func TestPolicy(t *testing.T) {
	t.Parallel()
	p := newPolicy(8, 1024, []string{"Kopi Nusantara", "PT Angin"})
	tests := []struct {
		name, password, user, want string
	}{
		{"passphrase", "gerimis sore di pematang", "budi", ""},
		{"eight random letters", "qjwxkvbp", "budi", ""},
		{"lower case alone", "tepungterigubasahkuyup", "budi", ""},
		{"digits alone", "73610582947163", "budi", ""},
		{"64 characters", strings.Repeat("x7Qp!m2K", 8), "budi", ""},
		{"1024 bytes", strings.Repeat("x7Qp!m2K", 128), "budi", ""},
		{"Chinese", "我愛喝珍珠奶茶加椰果", "budi", ""},
		{"blanks at the ends", "  hj7 kxq wz  ", "budi", ""},
		{"passphrases of short words", "teh poci sore hari", "budi", ""},
		{"cold", "gula jawa cair", "budi", ""},
		{"sour", "jeruk nipis manis", "budi", ""},
		{"hot", "kopi tubruk pagi hari", "budi", ""},
		{"seven characters", "x7Qp!m2", "budi", "password_too_short"},
		{"seven characters of three bytes", "珍珠奶茶加椰果", "budi", "password_too_short"},
		{"1025 bytes", strings.Repeat("x7Qp!m2K", 128) + "x", "budi", "password_too_long"},
		{"username", "rizalfahmi", "rizalfahmi", "password_guessable"},
		{"username and year", "rizalfahmi1998", "rizalfahmi", "password_guessable"},
		{"username backwards", "imhaflazir99", "rizalfahmi", "password_guessable"},
		{"part of an address", "xylophor77", "xylophor.w@contoh.id", "password_guessable"},
		{"product", "sandisandi1", "budi", "password_guessable"},
		{"configured words", "KopiNusantara1", "budi", "password_guessable"},
		{"part of configured words", "anginangin", "budi", "password_guessable"},
		{"repeated", "珍珍珍珍珍珍珍珍珍珍", "budi", "password_guessable"},
		{"keyboard", "qwertyuiop[]", "budi", "password_guessable"},
		{"counted", "abcdefgh12345678", "budi", "password_guessable"},
		{"date", "17081945", "budi", "password_guessable"},
		{"long and dull", strings.Repeat("a", 200), "budi", "password_guessable"},
	}
	for _, tt := range tests {
		err := p.check("password", tt.password, tt.user)
		got := ""
		if e, ok := errors.AsType[*problem.Error](err); ok {
			got = e.Sentence
			if e.Code != "weak_password" || e.Kind != problem.Invalid || e.Field != "password" {
				t.Errorf("%s: %+v", tt.name, e)
			}
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// secure-defaults 12c, ASVS 6.2.4
func TestPolicyRefusesKnown(t *testing.T) {
	t.Parallel()
	p := newPolicy(8, 1024, nil)
	for _, password := range []string{
		// printed in the seeds
		"password1", "password2", "hashed_password1", "hashed_password2", "test", "TopSecret123",
		"kunci_rahasia_anda", "super-secret", "this-should-be-change", "top_secret_mission_code", "your_access_token",
		// Indonesian, and as people dress it up
		"rahasia123", "R4h4s14!", "r4hasia2024", "rahasiaku", "bismillah", "Bismillah99", "b15m1llah!", "sayangku", "s4y4ngku!!", "sayangkamu123",
		"indonesia45", "1nd0n3s1a", "anjing123", "kucing12", "kucingkucing", "persib1933", "jakarta2024", "katasandi1", "akucintakamu", "alhamdulillah1",
		// repeated, spaced out and well known
		"abababababab", "abcabcabcabca", "20192019201920192019", "p p p p p p p p p p", "Summer2024!Summer2024!", "rahasia rahasia rahasia",
		"aku cinta kamu", "k u c i n g 1 2", "i love you so much", "correct horse battery staple", "CorrectHorseBatteryStaple1", "correct-horse-battery-staple",
		"haisahar", "gantisandi", "budi1990", "indomie_goreng",
	} {
		if p.check("password", password, "agnes") == nil {
			t.Errorf("%q is accepted", password)
		}
	}
}

// secure-defaults 12c, ASVS 6.2.4: the common passwords that are long enough, and besides them every single word and name.
func TestPolicyRefusesCommon(t *testing.T) {
	t.Parallel()
	p := newPolicy(8, 1024, nil)
	lists := map[string][]string{"common.txt": strings.Fields(commonList)}
	for name, list := range frequency.Lists {
		lists[name] = list.List
	}
	step := map[string]int{"Passwords": 1, "common.txt": 1, "MaleNames": 1, "FemaleNames": 1, "English": 20, "Surname": 20}
	total := 0
	for name, list := range lists {
		for i := 0; i < len(list); i += step[name] {
			if utf8.RuneCountInString(list[i]) < 8 {
				continue
			}
			total++
			if p.check("password", list[i], "agnes") == nil {
				t.Errorf("%s: %q is accepted", name, list[i])
			}
		}
	}
	if total < 3000 {
		t.Errorf("only %d passwords were tried, want at least 3000", total)
	}
}

// No password makes the judge panic, whatever its bytes.
func FuzzPolicy(f *testing.F) {
	p := newPolicy(8, 1024, nil)
	f.Add("R4h4s14!", "budi")
	f.Add("珍珠奶茶加椰果\xff\xfe\u0301", "\u0130stanbul")
	f.Add(strings.Repeat("4@!1$|0+", 40), "a")
	f.Fuzz(func(t *testing.T, password, name string) {
		err := p.check("password", password, name)
		if n := utf8.RuneCountInString(password); err == nil && (n < 8 || len(password) > 1024) {
			t.Fatalf("accepted %d characters, %d bytes", n, len(password))
		}
	})
}
