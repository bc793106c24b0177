package server_test

import (
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/config"
)

// bodies are the endpoints that read a body, each with one that it takes. guarded ones get a token.
var bodies = []struct {
	method, path string
	guarded      bool
	body         string
}{
	{"POST", "/register", false, `{"username":"siti","password":"kopi tubruk pagi hari"}`},
	{"POST", "/bootstrap", false, `{"secret":"sdb_x","username":"root","password":"kopi tubruk pagi hari"}`},
	{"POST", "/login", false, `{"username":"user1","password":"password1"}`},
	{"POST", "/login?transport=cookie", false, `{"name":"user1","password":"password1"}`},
	{"POST", "/refresh", false, `{"refresh_token":"sdr_x"}`},
	{"POST", "/logout", false, `{"refresh_token":"sdr_x"}`},
	{"PATCH", "/account", true, `{"username":"USER1"}`},
	{"POST", "/account/password", true, `{"current_password":"x","new_password":"kopi tubruk pagi hari"}`},
	{"POST", "/protected", false, `access_token=x`},
	{"POST", "/protected", false, `{"access_token":"x"}`},
	{"POST", "/orders", true, `{"product":1,"quantity":2}`},
	{"POST", "/products", true, `{"name":"Tempe","price":5000}`},
	{"PUT", "/products/1", true, `{"name":"Tempe","price":5000}`},
}

// No body makes any endpoint answer with a fault of ours, and every refusal says why.
func FuzzRequestBody(f *testing.F) {
	for i, b := range bodies {
		f.Add(uint8(i), b.body)
		f.Add(uint8(i), strings.TrimSuffix(b.body, "}"))
	}
	f.Add(uint8(0), `{"username":"`+strings.Repeat("x", 70000)+`"}`)
	f.Add(uint8(2), "{\"username\":\"\\u0000\",\"password\":\"\\ud800\"}")
	r := start(f, func(c *config.Config) { c.Password.Queue = 1000 })
	c := plain(f)
	token, _ := r.login(c, "admin", r.adminPassword())
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		b := bodies[int(which)%len(bodies)]
		r := *r
		r.t = t
		bearer := ""
		if b.guarded {
			bearer = token
		}
		a := r.call(c, b.method, b.path, bearer, body)
		if a.status >= 500 || (a.status >= 400 && (a.str("error") == "" || a.str("msg") == "")) {
			t.Errorf("%s %s %q: %d %s", b.method, b.path, body, a.status, a.raw)
		}
	})
}
