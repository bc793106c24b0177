package account

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// vectorPassword is the password of every hash in vectors.
const vectorPassword = "kopi tübruk"

// vectors were made by Werkzeug 3.1.8, by Python's hashlib as Django and passlib
// document their formats, by libargon2 and by libxcrypt's crypt(3).
var vectors = []struct{ name, hash string }{
	{"werkzeug pbkdf2:sha256", "pbkdf2:sha256:1000$xqfZ0EWX$a63f59401f58d23a9c5b2876765b38c6f9e6db37841cb3f93bb3af9b0461929d"},
	{"werkzeug pbkdf2:sha1", "pbkdf2:sha1:1000$UzwNHc5z$902e839818eb123f6ad71035f203c9007893019a"},
	{"werkzeug pbkdf2:sha512", "pbkdf2:sha512:1000$RfY58H7z$34dccbc7dadc7eeec44385fb894ba427fda7576111f8d72863a3c33b4e05f705c2b90ab63492b8154359094938908641b0293a69b6137b11e79354e94f36674c"},
	{"werkzeug scrypt", "scrypt:1024:8:1$wA7l4a3K$4f657cb18657b84870306e35dafeaf750f9c513cef25f08acc0a6d1ab7222bcc7ca27d3c97dd3c5f26324ccf98563793430b46123c57d48540694cd4151ea228"},
	{"django pbkdf2_sha256", "pbkdf2_sha256$1000$seasalt$+SHjz2KynGZ/1BzTCBh/xRlmjCQF4mK23fTJg7W3Wos="},
	{"django pbkdf2_sha1", "pbkdf2_sha1$1000$seasalt$vuhyCBRp+V75np6LhqoTK7lzakg="},
	{"django scrypt", "scrypt$1024$seasalt$8$5$YeXGYASqOj180Da7t8I5t9wQMx5w0KdjuzqWnBMU7NHq2aOIHiYQbcOP6GnrN+p0g+s46mRI4InqeUwuIlSKoQ=="},
	{"django bcrypt_sha256", "bcrypt_sha256$$2b$05$abcdefghijklmnopqrstuuOt37EcHXMkN4FFpRPesQAUK3lngtQWG"},
	{"django bcrypt", "bcrypt$$2b$05$abcdefghijklmnopqrstuuKyMmUAdyw/OvJ09Wh.Kb95IKWDL5NcG"},
	{"django argon2", "argon2$argon2id$v=19$m=64,t=2,p=2$c2FsdHNhbHRzYWx0c2FsdA$oUaxwK7x6FKAGrQQvN5akEEBDROhSDa13nqtrv4Vepc"},
	{"bcrypt 2a", "$2a$05$abcdefghijklmnopqrstuuKyMmUAdyw/OvJ09Wh.Kb95IKWDL5NcG"},
	{"bcrypt 2b", "$2b$05$abcdefghijklmnopqrstuuKyMmUAdyw/OvJ09Wh.Kb95IKWDL5NcG"},
	{"bcrypt 2y", "$2y$05$abcdefghijklmnopqrstuuKyMmUAdyw/OvJ09Wh.Kb95IKWDL5NcG"},
	{"argon2i", "$argon2i$v=19$m=64,t=2,p=2$c2FsdHNhbHRzYWx0c2FsdA$jEMUG3B4hADIadYncALAa2uiHMMXAZZzs6n0cilYpso"},
	{"argon2d", "$argon2d$v=19$m=64,t=2,p=2$c2FsdHNhbHRzYWx0c2FsdA$SSYxVG8nlYualU22tWPtLzXxDwcdtbdWKcoTxSFJk5M"},
	{"argon2id", "$argon2id$v=19$m=64,t=2,p=2$c2FsdHNhbHRzYWx0c2FsdA$oUaxwK7x6FKAGrQQvN5akEEBDROhSDa13nqtrv4Vepc"},
	{"pbkdf2", "$pbkdf2$1000$//4gc2FsdDEyMzQ1$TINhN7ZQp1lrOyip3BCBg/kLwxo"},
	{"pbkdf2-sha224", "$pbkdf2-sha224$1000$//4gc2FsdDEyMzQ1$oBK9/zzEntQmEzYRj8JEs8cTAPFc2mIc4zTtrw"},
	{"pbkdf2-sha256", "$pbkdf2-sha256$1000$//4gc2FsdDEyMzQ1$hrCRzrWzSEE8OJY4iNyz6AKGv3E/DKGDLg8XYx.CVag"},
	{"pbkdf2-sha384", "$pbkdf2-sha384$1000$//4gc2FsdDEyMzQ1$hzkTwB/gBdy.Mg95GNifG.HFnSgF1VskqWB36wuuyRLwYBvqfjEyP0HaRmvwHNPT"},
	{"pbkdf2-sha512", "$pbkdf2-sha512$1000$//4gc2FsdDEyMzQ1$LIgdP5fjI3gIVMdaP2WeqUYHrWDhGPQEFKkTkHqXbnCKXcM.UKahzC0kGjwBD4jmGbbBBwDCQuqQFSyL0sjWjQ"},
	{"scrypt", "$scrypt$ln=10,r=8,p=1$//4gc2FsdDEyMzQ1$ssKyR4kMOnBLMo0aEMeqZg2KuOgUN7adfIT8O92pvOY"},
	{"sha256-crypt", "$5$saltsalt$rWBxmrsNuBfkGOIoNdTFJV9KGNxM4xbKfwmgJqIRjBA"},
	{"sha256-crypt with rounds", "$5$rounds=1000$saltsalt$4LEc6hqn5oTJiCUJRzkRQti.CDTCHpEB00xH5gmyXw1"},
	{"sha512-crypt", "$6$saltsalt$m4qDx1Woz9gmMFoHypHC31xduV132FnJuOGZ0LskSRr9/vKI7pOpLcXT138r9kngaffo/8yw.JQWmaC7qvH0h1"},
	{"sha512-crypt with rounds", "$6$rounds=1000$saltsaltsaltsalt$xDmSIc2gq4ek0vnuETeRSWVzhWqga.Xmn63PLo4dr9sbQ8qEU..Z68WtrPlvdv8D9hIBzcN2tHy51xrxppwiD."},
	{"yescrypt", "$y$j75$abcdefgh$rs4kA1.6sHMl2dvn/sFvibwQR0HcI3kelF4d56rugB6"},
}

// Each is right for its password alone, and replaced after that.
func TestForeignHashes(t *testing.T) {
	t.Parallel()
	h := newHasher(Params{MemoryKiB: 64, Iterations: 2, Parallelism: 1}, 2, 1)
	for _, v := range vectors {
		stored, err := readableHash(v.hash, h.bounds)
		if err != nil {
			t.Errorf("%s: %v", v.name, err)
			continue
		}
		for _, password := range []string{vectorPassword, "kopi tubruk", vectorPassword + "\x00", ""} {
			ok, weak, err := h.verify(t.Context(), stored, password)
			if want := password == vectorPassword; err != nil || ok != want {
				t.Errorf("%s, %q: %v, %v; want %v", v.name, password, ok, err, want)
			}
			if !weak && !strings.HasPrefix(stored, native) {
				t.Errorf("%s is not replaced", v.name)
			}
		}
	}
}

// bcrypt reads 72 bytes and stops at a NUL; what Django hashes first has no such limits.
func TestLimitsOfPasswords(t *testing.T) {
	t.Parallel()
	const salt = "$2b$05$abcdefghijklmnopqrstuu"
	ofSeventyTwo := salt + "GUnCqbfgs3htOkLrFduUjAyLBw1Rq/u" // libxcrypt's, of 72 times "a" and whatever follows
	nul, err := bcrypt.GenerateFromPassword([]byte("kopi\x00kopi"), 4)
	if err != nil {
		t.Fatal(err)
	}
	django := "bcrypt_sha256$" + salt + "Ot37EcHXMkN4FFpRPesQAUK3lngtQWG"
	as := strings.Repeat("a", 72)
	for _, tt := range []struct {
		name, hash, password string
		want                 bool
	}{
		{"72 bytes", ofSeventyTwo, as, true},
		{"beyond 72 bytes", ofSeventyTwo, as + "tail", true},
		{"71 bytes", ofSeventyTwo, as[1:], false},
		{"beyond 512 bytes", ofSeventyTwo, strings.Repeat(as, 8), false},
		{"NUL", string(nul), "kopi\x00kopi", false},
		{"what C takes it for", string(nul), "kopi", true},
		{"NUL before the end", ofSeventyTwo, as + "\x00", false},
		{"django", django, vectorPassword, true},
		{"django, NUL", django, vectorPassword + "\x00", false},
		{"sha-crypt, long", "$5$rounds=1000$saltsalt$4LEc6hqn5oTJiCUJRzkRQti.CDTCHpEB00xH5gmyXw1", strings.Repeat("a", 1<<16), false},
	} {
		f, err := parseForeign(tt.hash, boundsFor(floor))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := f.matches(tt.password); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// What costs too much is told from what is malformed, and neither is ever quoted.
func TestForeignHashRefused(t *testing.T) {
	t.Parallel()
	sha256, b64 := strings.Repeat("ab", 32), strings.Repeat("A", 43)+"="
	key, crypt86 := strings.Repeat("A", 43), strings.Repeat("A", 86)
	bc := strings.Repeat("A", 53)
	for _, tt := range []struct {
		hash, want string
		costly     bool
	}{
		{"pbkdf2:sha256:2000000$salt$" + sha256, "", false},
		{"pbkdf2:sha256$salt$" + sha256, "", false}, // a million, as Werkzeug 3.1 takes it
		{"pbkdf2:sha256:2000001$salt$" + sha256, "werkzeug pbkdf2", true},
		{"pbkdf2:sha256:0$salt$" + sha256, "werkzeug pbkdf2", false},
		{"pbkdf2:sha256:-1$salt$" + sha256, "werkzeug pbkdf2", false},
		{"pbkdf2:sha256:99999999999$salt$" + sha256, "werkzeug pbkdf2", false},
		{"pbkdf2:sha256:01$salt$" + sha256, "werkzeug pbkdf2", false},
		{"pbkdf2:md5:1000$salt$" + sha256[:32], "werkzeug pbkdf2", false},
		{"pbkdf2:sha256:1000$$" + sha256, "werkzeug pbkdf2", false},
		{"pbkdf2:sha256:1000$salt$" + strings.ToUpper(sha256), "werkzeug pbkdf2", false},
		{"pbkdf2:sha256:1000$salt$" + sha256[2:], "werkzeug pbkdf2", false},
		{"pbkdf2:sha256:1000$salt", "werkzeug pbkdf2", false},
		{"pbkdf2:sha256:1000$" + strings.Repeat("s", 129) + "$" + sha256, "werkzeug pbkdf2", false},
		{"pbkdf2:sha256:1000$salt$" + strings.Repeat(sha256, 9), "werkzeug pbkdf2", false},
		{"pbkdf2:sha512:1000001$salt$" + sha256 + sha256, "werkzeug pbkdf2", true},
		{"pbkdf2:sha256:1000$sa\x00lt$" + sha256, "werkzeug pbkdf2", false},
		{"pbkdf2:sha256:1000$sa lt$" + sha256, "werkzeug pbkdf2", false},
		{"pbkdf2:sha256:1000$s\u00e4lt$" + sha256, "werkzeug pbkdf2", false},
		{"scrypt:131072:8:1$salt$" + sha256, "", false},
		{"scrypt:262144:8:1$salt$" + sha256, "werkzeug scrypt", true},
		{"scrypt:32768:8:9$salt$" + sha256, "werkzeug scrypt", true},
		{"scrypt:2:1073741824:1$salt$" + sha256, "werkzeug scrypt", true},
		{"scrypt:2:1:2147483647$salt$" + sha256, "werkzeug scrypt", true},
		{"scrypt:32767:8:1$salt$" + sha256, "werkzeug scrypt", false},
		{"scrypt:1:8:1$salt$" + sha256, "werkzeug scrypt", false},
		{"scrypt:1024:8$salt$" + sha256, "werkzeug scrypt", false},
		{"pbkdf2_sha256$2000001$salt$" + b64, "django pbkdf2_sha256", true},
		{"pbkdf2_sha256$1000$salt$" + b64[:43], "django pbkdf2_sha256", false},
		{"pbkdf2_sha256$1000$salt$\n" + b64, "django pbkdf2_sha256", false},
		{"scrypt$1048576$salt$8$1$" + b64, "django scrypt", true},
		{"scrypt$1024$salt$8$1", "django scrypt", false},
		{"bcrypt_sha256$", "django bcrypt_sha256", false},
		{"bcrypt_sha256$$2x$05$" + bc, "django bcrypt_sha256", false},
		{"bcrypt_sha256$$2b$15$" + bc, "django bcrypt_sha256", true},
		{"$2b$14$" + bc, "", false},
		{"$2b$15$" + bc, "bcrypt", true},
		{"$2b$31$" + bc, "bcrypt", true},
		{"$2b$03$" + bc, "bcrypt", false},
		{"$2b$5$" + bc + "A", "bcrypt", false},
		{"$2b$05$" + bc[1:], "bcrypt", false},
		{"$2b$05$" + bc[1:] + "+", "bcrypt", false},
		{"$2x$05$" + bc, "bcrypt 2x", false},
		{"$argon2i$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$" + key, "argon2i", false},
		{"argon2$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$" + key, "argon2id", true},
		{"$argon2id$v=16$m=64,t=2,p=1$c2FsdHNhbHQ$" + key, "argon2id", true}, // either, it says
		{"$pbkdf2-sha256$2000001$c2FsdA$" + key, "pbkdf2-sha256", true},
		{"$pbkdf2-sha256$1000$c2FsdA==$" + key, "pbkdf2-sha256", false},
		{"$scrypt$ln=20,r=8,p=1$c2FsdA$" + key, "scrypt", true},
		{"$scrypt$ln=31,r=8,p=1$c2FsdA$" + key, "scrypt", false},
		{"$scrypt$ln=1,r=524288,p=2$c2FsdA$" + key, "scrypt", true},
		{"$scrypt$ln=1,r=1,p=1048576$c2FsdA$" + key, "scrypt", true},
		{"$scrypt$ln=10,r=8,p=256$c2FsdA$" + key, "", false},
		{"$scrypt$r=8,ln=10,p=1$c2FsdA$" + key, "scrypt", false},
		{"$5$rounds=700001$salt$" + key, "sha256-crypt", true},
		{"$5$rounds=999$salt$" + key, "sha256-crypt", false},
		{"$5$$" + key, "sha256-crypt", false},
		{"$5$saltsaltsaltsalts$" + key, "sha256-crypt", false},
		{"$6$salt$" + crypt86[1:], "sha512-crypt", false},
		{"$y$jCT$abcdefgh$" + key, "", false},
		{"$y$jDT$abcdefgh$" + key, "yescrypt", true},
		{"$y$jZT$abcdefgh$" + key, "yescrypt", false},
		{"$y$j9T$$" + key, "yescrypt", false},
		{"$y$k9T$abcdefgh$" + key, "yescrypt", false},
		{"$y$j9~$abcdefgh$" + key, "yescrypt", false},
		{"$1$salt$" + key, "md5-crypt", false},
		{"md5$salt$" + key, "md5", false},
		{"!" + key, "an unusable password", false},
		{"hunter2secret", "of no format", false},
		{"$hunter2secret$x", "of no format", false},
		{"", "of no format", false},
	} {
		_, err := readableHash(tt.hash, boundsFor(floor))
		if tt.want == "" {
			if err != nil {
				t.Errorf("%.30s: %v", tt.hash, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, errCostly) != tt.costly {
			t.Errorf("%.30s: %v, want %q, costly %v", tt.hash, err, tt.want, tt.costly)
		}
		if err != nil && (strings.Contains(err.Error(), "salt") || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "AAAA")) {
			t.Errorf("%.30s: the error quotes it: %v", tt.hash, err)
		}
	}
}

func FuzzForeignHash(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.hash)
	}
	f.Add("$y$j9T$$")
	f.Add("bcrypt_sha256$$2b$")
	f.Fuzz(func(t *testing.T, s string) {
		stored, err := readableHash(s, boundsFor(floor))
		if err != nil {
			if len(err.Error()) > 120 {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		again, err := readableHash(stored, boundsFor(floor))
		if err != nil || again != stored {
			t.Fatalf("%q is stored as %q and read as %q, %v", s, stored, again, err)
		}
	})
}
