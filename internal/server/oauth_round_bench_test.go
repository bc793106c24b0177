package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
)

// BenchmarkAuthorizeRound is a whole round of the code grant for a browser that is signed in: authorize, token, userinfo, by the browsers of
// 20 users at once, which go through 20 clients in turn, over loopback HTTP on SQLite. p50-ms and p99-ms are of whole rounds, with the
// load generator on the same processors. Beyond 4,000 of them each also ends the oldest of ten grants.
func BenchmarkAuthorizeRound(b *testing.B) {
	const clients = 20
	g := startQuiet(b)
	for i := range clients {
		own := app(fmt.Sprintf("own%d", i), oauth.AuthPost)
		own.SkipConsent, own.Resources, own.Scopes = true, nil, []string{"openid", "profile", "read"}
		g.add(own)
	}
	people := make([]*person, clients)
	for i := range people {
		people[i] = g.person(b)
		people[i].signIn(people[i].visit("/signin"), g.another(b, i), "password1")
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	took := make([][]time.Duration, clients)
	b.ResetTimer()
	var all sync.WaitGroup
	for i, p := range people {
		all.Go(func() {
			for n := i; left.Add(-1) >= 0; n++ {
				at := time.Now()
				if !g.round(b, p, fmt.Sprintf("browsing%d", i), fmt.Sprintf("own%d", n%clients)) {
					return
				}
				took[i] = append(took[i], time.Since(at))
			}
		})
	}
	all.Wait()
	b.StopTimer()
	sorted := slices.Sorted(slices.Values(slices.Concat(took...)))
	if len(sorted) == 0 {
		return
	}
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b.ReportMetric(ms(sorted[len(sorted)/2]), "p50-ms")
	b.ReportMetric(ms(sorted[len(sorted)*99/100]), "p99-ms")
	b.ReportMetric(float64(len(sorted))/b.Elapsed().Seconds(), "rounds/s")
}

// another adds a user with the password of user1, and returns the name.
func (g *grants) another(b *testing.B, n int) string {
	b.Helper()
	u, err := g.db.User(b.Context(), "user1")
	if err != nil {
		b.Fatal(err)
	}
	u.Subject = fmt.Sprintf("browsing%d", n)
	u.Username = u.Subject
	if err := g.db.CreateUser(b.Context(), u, audit.Event{Action: audit.UserCreated}); err != nil {
		b.Fatal(err)
	}
	return u.Subject
}

// round is one, and says whether it went well.
func (g *grants) round(b *testing.B, p *person, subject, client string) bool {
	res, err := p.c.Get(g.url + asked(client))
	if err != nil {
		b.Error(err)
		return false
	}
	res.Body.Close()
	at, err := res.Location()
	if err != nil || at.Query().Get("code") == "" {
		b.Errorf("authorize: %d, sent to %v", res.StatusCode, at)
		return false
	}
	form := redeeming(at.Query().Get("code"))
	form.Set("client_id", client)
	form.Set("client_secret", g.secrets[client])
	a, err := fetch(p.c, "POST", g.url+"/oauth/token", form, "")
	if err == nil {
		a, err = fetch(p.c, "GET", g.url+"/oauth/userinfo", nil, a.str("access_token"))
	}
	if err != nil || a.str("sub") != subject {
		b.Errorf("got %d %s, %v", a.status, a.raw, err)
		return false
	}
	return true
}

func fetch(c *http.Client, method, target string, form url.Values, token string) (answer, error) {
	req, err := http.NewRequest(method, target, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return do(c, req)
}
