package guard_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// Every method of a nil token, and of one without claims, answers with zero
// values.
func TestNilToken(t *testing.T) {
	t.Parallel()
	for _, tok := range []*guard.Token{nil, {}} {
		v := reflect.ValueOf(tok)
		for i := range v.NumMethod() {
			name, m := v.Type().Method(i).Name, v.Method(i)
			switch name {
			case "Decode", "MarshalJSON", "Format", "LogValue":
				continue // below
			}
			var args []reflect.Value
			for j := range m.Type().NumIn() {
				args = append(args, reflect.Zero(m.Type().In(j)))
			}
			if out := m.Call(args)[0]; !out.IsZero() && (out.Kind() != reflect.Slice || out.Len() > 0) {
				t.Errorf("%s() = %v, want zero", name, out)
			}
		}
		if err := tok.Decode("x", new(int)); !errors.Is(err, jwt.ErrClaimMissing) {
			t.Errorf("Decode = %v, want ErrClaimMissing", err)
		}
		if got, err := json.Marshal(tok); string(got) != "null" || err != nil {
			t.Errorf("MarshalJSON = %s, %v; want null", got, err)
		}
		if got := fmt.Sprint(tok, tok.LogValue()); got == "" {
			t.Error("prints as nothing")
		}
	}
}

func TestTokenClaims(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	auth := clock().Add(-time.Hour)
	tok, err := s.guard().Check(get(s.access(map[string]any{
		"scope": "read  write", "roles": []string{"manager", "clerk"}, "fresh": true, "auth_time": auth.Unix(),
	})))
	if err != nil {
		t.Fatal(err)
	}
	if tok.Subject() != "user1" || tok.ClientID() != "sandi" || tok.Session() != "s1" || tok.ID() != "t1" {
		t.Errorf("got %q %q %q %q", tok.Subject(), tok.ClientID(), tok.Session(), tok.ID())
	}
	if !reflect.DeepEqual(tok.Scopes(), []string{"read", "write"}) || !tok.HasScope("write") || tok.HasScope("wri") || tok.HasScope("") {
		t.Errorf("scopes %q", tok.Scopes())
	}
	if !reflect.DeepEqual(tok.Roles(), []string{"manager", "clerk"}) || !tok.HasRole("clerk") || tok.HasRole("boss") {
		t.Errorf("roles %q", tok.Roles())
	}
	if !tok.Fresh() || !tok.AuthTime().Equal(auth) {
		t.Errorf("fresh %v, auth_time %v", tok.Fresh(), tok.AuthTime())
	}
}
