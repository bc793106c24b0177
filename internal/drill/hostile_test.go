package drill_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestHostileText: what one database takes as text another refuses. None of it is a server error.
func TestHostileText(t *testing.T) {
	t.Parallel()
	texts := map[string]string{
		"NUL": `a\u0000b`, "half a pair": `a\ud800b`, "emoji": `a\ud83d\ude00b`, "long": strings.Repeat("a", 8000), "not UTF-8": "a\xffb",
		"space at the end": `ani `, "wildcards": `%_`, "quotes": `'\"\\`, "composed": `\u00e9`, "taken apart": `e\u0301`, "empty": ``,
	}
	for _, database := range []string{"postgres", "mariadb"} {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, setup{database: database, nodes: 1})
			token := w.login(w.at(0), w.register(1)[0]).body.Access
			for name, text := range texts {
				for _, path := range []string{"POST /register", "POST /login", "PATCH /account", "POST /account/password", "DELETE /account/sessions/x", "POST /refresh"} {
					method, path, _ := strings.Cut(path, " ")
					body := strings.ReplaceAll(`{"username": "X", "password": "X", "current_password": "X", "new_password": "X", "refresh_token": "X"}`, "X", text)
					req, err := http.NewRequestWithContext(t.Context(), method, w.at(0)+api+path, strings.NewReader(body))
					if err != nil {
						t.Fatal(err)
					}
					req.Header.Set("Content-Type", "application/json")
					req.Header.Set("User-Agent", "curl/\xff "+name)
					if strings.HasPrefix(path, "/account") {
						req.Header.Set("Authorization", "Bearer "+token)
					}
					res, err := browser.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					res.Body.Close()
					if res.StatusCode >= 500 {
						t.Errorf("%s to %s %s: %d", name, method, path, res.StatusCode)
					}
				}
			}
			if a, err := call(w.at(0), "GET", api+"/account/sessions", token, nil); err != nil || a.status != 200 {
				t.Errorf("afterwards: %d %v", a.status, err)
			}
		})
	}
}
