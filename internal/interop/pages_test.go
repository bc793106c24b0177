package interop_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// Sign-in, consent, device and second factor by the keyboard alone, in Chromium without scripts, measured on every page. PAGE_SHOTS
// names a folder for pictures.
func TestPages(t *testing.T) {
	t.Parallel()
	packages := packagesFor(t)
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<!doctype html><title>Shop</title><p>Welcome back")
	}))
	t.Cleanup(shop.Close)
	p := newProvider(t)
	p.serve(buildSandi(t), map[string]section{
		"shop": {"name": "Toko Siti", "auth": "none", "native": true, "redirect_uris": []string{shop.URL + "/cb"}, "scopes": []string{"openid", "profile", "read"}, "resources": []string{api}},
		"tv":   {"name": "Televisi", "auth": "none", "grants": []string{"device_code"}, "scopes": []string{"openid", "read"}, "resources": []string{api}},
	}, section{"listen": section{"addr": strings.TrimPrefix(p.url, "http://")}})
	const password = "gula jawa cair sekali"
	res, err := http.Post(p.url+"/api/auth/register", "application/json", strings.NewReader(`{"username":"siti","password":"`+password+`"}`))
	if err != nil || res.StatusCode != http.StatusCreated {
		t.Fatalf("register: %v %v", res, err)
	}
	_ = res.Body.Close()
	runBrowser(t, "pages.mjs", 6, map[string]string{
		"packages": packages, "issuer": p.url, "callback": shop.URL + "/cb", "user": "siti", "password": password,
		"shots": os.Getenv("PAGE_SHOTS"),
	})
}
