package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/server"
	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/internal/testdb"
)

// startNodes starts two nodes over one database server, known by one issuer, and opens the store beside them.
func startNodes(t *testing.T, storeURL string) (a, b *grants) {
	t.Helper()
	master := filepath.Join(t.TempDir(), "master.key")
	if _, err := key.CreateMaster(master); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Config{URL: storeURL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	node := func() *grants {
		r := startIn(t, t.TempDir(), &server.Demo{}, func(c *config.Config) {
			c.Store.URL, c.Key.MasterFile, c.Issuer = storeURL, master, "http://127.0.0.1:4711"
			c.OAuth.Scopes, c.OAuth.Resources = []config.Scope{{Name: "read"}}, []config.Resource{{ID: resourceA}, {ID: resourceB}}
			pages := *c
			pagesConfig(&pages)
			c.OAuth.Scopes, c.OAuth.Clients = append(c.OAuth.Scopes, pages.OAuth.Scopes...), pages.OAuth.Clients
		})
		return &grants{r, db, plain(t), map[string]string{}}
	}
	a, b = node(), node()
	b.secrets = a.secrets
	return a, b
}

// Two nodes on one database are one authorization server: a request that is approved at one is redeemed at the other, once; a client that is added
// counts at both; a sign-out at one ends what the other minted; and no place in a status list is given twice.
func TestNodes(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(testing.TB) string{"postgres": testdb.Postgres, "mariadb": testdb.MariaDB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := startNodes(t, database(t))
			p := a.person(t)
			s := p.signIn(p.visit(authorize()), "user1", "password1")
			away := p.fill(s, 0, "decision", "allow").away
			if away == nil {
				t.Fatal("no code")
			}
			form := url.Values{
				"grant_type": {"authorization_code"}, "redirect_uri": {"https://shop.example/cb"}, "code": {away.Query().Get("code")},
				"code_verifier": {"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
			}
			tokens := b.want(b.token("shop", form), 200, "")
			next := a.want(a.token("shop", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.str("refresh_token")}}), 200, "")
			userinfo := func(n *grants) int {
				return n.call(n.client, "GET", "/oauth/userinfo", next.str("access_token"), "").status
			}
			if userinfo(a) != 200 || userinfo(b) != 200 {
				t.Fatalf("userinfo: %d, %d", userinfo(a), userinfo(b))
			}

			a.add(oauth.Client{ID: "robot", GrantTypes: []string{oauth.GrantClientCredentials}, Resources: []string{resourceA}})
			places := map[string]bool{}
			for _, n := range []*grants{a, b, a, b} {
				got := n.want(n.token("robot", url.Values{"grant_type": {"client_credentials"}}), 200, "")
				status, _ := payload(t, got.str("access_token"))["status"].(map[string]any)
				places[fmt.Sprint(status["status_list"])] = true
			}
			if len(places) != 4 {
				t.Errorf("places: %v", places)
			}

			out := p.visit("/signout")
			p.fill(out, 0)
			poll := time.NewTicker(10 * time.Millisecond)
			defer poll.Stop()
			for range 1000 { // the other node follows within a second
				if userinfo(b) == http.StatusUnauthorized {
					break
				}
				<-poll.C
			}
			if userinfo(a) != 401 || userinfo(b) != 401 {
				t.Errorf("after the sign-out: %d, %d", userinfo(a), userinfo(b))
			}
			a.want(a.token("shop", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {next.str("refresh_token")}}), 400, "invalid_grant")
			b.want(b.token("shop", form), 400, "invalid_grant")
		})
	}
}
