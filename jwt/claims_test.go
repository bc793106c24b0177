package jwt_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

func verified(t *testing.T, members ...string) *jwt.Claims {
	t.Helper()
	claims, err := newVerifier(t, newKeySet(t, secretKey(t)), nil).Verify(t.Context(), forge(goodHeader, claimsWith(members...)))
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestClaims(t *testing.T) {
	t.Parallel()
	c := verified(t, `"jti":"j1"`, `"nbf":1700000000.25`, `"iat":1.5e9`, `"t":true`, `"f":false`, `"n":null`, `"i":7`,
		`"s":"a\n\u00e9\ud83d\uDE00\/\b\f\r\t\"\\"`, `"l":["a","b"]`, `"m":["a",1]`, `"e":[]`, `"o":{"x":[1,{"y":"z"}]}`, `"":"empty"`, `"q\"":1`)

	check := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, want %#v", what, got, want)
		}
	}
	check("Issuer", c.Issuer(), issuer)
	check("Subject", c.Subject(), "user1")
	check("Audience", c.Audience(), []string{audience})
	check("ID", c.ID(), "j1")
	check("ExpiresAt", c.ExpiresAt(), now.Add(time.Minute))
	check("NotBefore", c.NotBefore(), time.Unix(1700000000, 250e6).UTC())
	check("IssuedAt", c.IssuedAt(), time.Unix(1500000000, 0).UTC())
	check("Time", c.Time("nbf"), c.NotBefore())
	check("Time of a string", c.Time("s"), time.Time{})
	check("Time of none", c.Time("none"), time.Time{})
	check("Type", c.Type(), "at+jwt")
	check("KeyID", c.KeyID(), "k1")
	check("Algorithm", c.Algorithm(), jwt.HS256)
	check("String", c.String("s"), "a\né😀/\b\f\r\t\"\\")
	check("String of a number", c.String("i"), "")
	check("String of none", c.String("none"), "")
	check("String of the empty name", c.String(""), "empty")
	check("String of a registered claim", c.String("iss"), issuer)
	check("Bool true", c.Bool("t"), true)
	check("Bool false", c.Bool("f"), false)
	check("Bool of a string", c.Bool("s"), false)
	check("Bool of none", c.Bool("none"), false)
	check("Strings", c.Strings("l"), []string{"a", "b"})
	check("Strings of a string", c.Strings("jti"), []string{"j1"})
	check("Strings of a mixed list", c.Strings("m"), []string(nil))
	check("Strings of an empty list", c.Strings("e"), []string{})
	check("Strings of an object", c.Strings("o"), []string(nil))
	check("Strings of none", c.Strings("none"), []string(nil))
	check("Has null", c.Has("n"), true)
	check("Has with an escape in its name", c.Has(`q"`), true)
	check("Has none", c.Has("none"), false)
	check("HasAudience", c.HasAudience(audience), true)
	check("HasAudience of another", c.HasAudience("x"), false)
	check("HasAudience of nothing", c.HasAudience(""), false)

	var o struct{ X []any }
	if err := c.Decode("o", &o); err != nil || fmt.Sprint(o.X) != "[1 map[y:z]]" {
		t.Errorf("Decode: got %v, %v", o, err)
	}
	var wrong int
	if err := c.Decode("s", &wrong); err == nil || strings.Contains(err.Error(), "ud83d") {
		t.Errorf("Decode into the wrong type: got %v", err)
	}
	if err := c.Decode("none", &wrong); !errors.Is(err, jwt.ErrClaimMissing) {
		t.Errorf("Decode of none: got %v, want %v", err, jwt.ErrClaimMissing)
	}
}

// TestClaimsAreImmutable changes everything that the methods return.
func TestClaimsAreImmutable(t *testing.T) {
	t.Parallel()
	c := verified(t, `"l":["a","b"]`)
	before, err := c.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	c.Strings("l")[0] = "x"
	c.Audience()[0] = "x"
	bytes, _ := c.MarshalJSON()
	clear(bytes)
	if after, _ := c.MarshalJSON(); string(after) != string(before) || c.Strings("l")[0] != "a" || !c.HasAudience(audience) {
		t.Errorf("got %s, want %s", after, before)
	}
	if typ := reflect.TypeOf(c).Elem(); len(reflect.VisibleFields(typ)) > 0 {
		for _, f := range reflect.VisibleFields(typ) {
			if f.IsExported() {
				t.Errorf("field %s is exported", f.Name)
			}
		}
	}
}

// TestClaimsOutliveTheToken: the strings do not stand in a buffer that the next verification reuses.
func TestClaimsOutliveTheToken(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, newKeySet(t, secretKey(t)), nil)
	first, err := v.Verify(t.Context(), forge(goodHeader, claimsWith(`"jti":"first"`)))
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, err := v.Verify(t.Context(), forge(goodHeader, claimsWith(`"jti":"other"`))); err != nil {
			t.Fatal(err)
		}
	}
	if first.ID() != "first" || first.Subject() != "user1" {
		t.Errorf("got jti %q, sub %q", first.ID(), first.Subject())
	}
}

func TestClaimsMany(t *testing.T) {
	t.Parallel()
	var members []string
	for i := range 500 {
		members = append(members, fmt.Sprintf(`"claim%d":"%d"`, i, i))
	}
	c := verified(t, members...)
	for i := range 500 {
		if got := c.String(fmt.Sprintf("claim%d", i)); got != fmt.Sprint(i) {
			t.Errorf("claim%d: got %q", i, got)
		}
	}
	v := newVerifier(t, newKeySet(t, secretKey(t)), nil)
	for _, i := range []int{0, 10, 31, 32, 33, 100, 499} {
		twice := append(append([]string{}, members...), fmt.Sprintf(`"claim%d":"x"`, i))
		if _, err := v.Verify(t.Context(), forge(goodHeader, claimsWith(twice...))); !errors.Is(err, jwt.ErrMalformed) {
			t.Errorf("claim%d twice: got %v, want %v", i, err, jwt.ErrMalformed)
		}
	}
}

// TestClaimsInLogs: a log line names the token, and not what is in it.
// ASVS 16.2.5, secure-defaults 16a
func TestClaimsInLogs(t *testing.T) {
	t.Parallel()
	c := verified(t, `"jti":"j1"`, `"csrf":"very-secret"`)
	var out strings.Builder
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "claims", c)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "claims", c)
	fmt.Fprintf(&out, "%v %+v %#v %s %x", c, c, c, c, c)
	if strings.Contains(out.String(), "very-secret") || !strings.Contains(out.String(), "j1") {
		t.Errorf("got %s", out.String())
	}
	var none *jwt.Claims
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "claims", none)
	if got := fmt.Sprint(none); got != "jwt.Claims(nil)" {
		t.Errorf("got %q", got)
	}
	if data, err := json.Marshal(c); err != nil || !strings.Contains(string(data), "very-secret") {
		t.Errorf("marshal: got %s, %v: it is for passing claims on, all of them", data, err)
	}
}
