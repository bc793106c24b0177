package demo_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/demo"
	"github.com/sandi-auth/sandi/internal/web"
	"github.com/sandi-auth/sandi/jwt"
)

// The page has no script or style of its own in it, which its policy would not run, and what it loads is there.
func TestMissionsPage(t *testing.T) {
	t.Parallel()
	key, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		t.Fatal(err)
	}
	iss, err := guard.NewIssuer(guard.IssuerConfig{Key: key, Issuer: "https://hq.example"})
	if err != nil {
		t.Fatal(err)
	}
	g, err := guard.New(iss.Config())
	if err != nil {
		t.Fatal(err)
	}
	w, mux := web.New(web.Config{Logger: slog.New(slog.DiscardHandler), Now: time.Now}), http.NewServeMux()
	demo.New(g, w, nil).Routes(mux)
	w.PageRoutes(mux)
	get := func(path string) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		w.Wrap(mux).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		if rec.Code != http.StatusOK {
			t.Errorf("GET %s: %d", path, rec.Code)
		}
		return rec
	}
	start := httptest.NewRecorder()
	if w.Wrap(mux).ServeHTTP(start, httptest.NewRequest(http.MethodGet, "/", nil)); start.Code != http.StatusSeeOther || start.Header().Get("Location") != "/missions-page" {
		t.Errorf("GET /: %d, to %q", start.Code, start.Header().Get("Location"))
	}
	page := get("/missions-page")
	if policy := page.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	if inline := regexp.MustCompile(`<style|<script>|\son\w+=|style=|javascript:`).FindString(page.Body.String()); inline != "" {
		t.Errorf("the page has %q", inline)
	}
	for _, loaded := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page.Body.String(), -1) {
		get(loaded[1])
	}
	script, err := os.ReadFile("missions.js")
	if err != nil || get("/missions-page/missions.js").Body.String() != string(script) || strings.Contains(string(script), "innerHTML") {
		t.Errorf("the script is another, or writes markup: %v", err)
	}
}
