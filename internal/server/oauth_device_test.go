package server_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/oauth"
)

// startDevices is a server with clients for televisions: one public, one not, one that may not.
func startDevices(t *testing.T, change func(*config.Config)) *grants {
	t.Helper()
	g := startGrants(t, change)
	tv := oauth.Client{
		ID: "tv", Name: "Televisi", AuthMethod: oauth.AuthNone, GrantTypes: []string{oauth.GrantDevice, oauth.GrantRefresh},
		Resources: []string{resourceA, resourceB}, Scopes: []string{"openid", "read", "write"},
	}
	box, app := tv, tv
	box.ID, box.AuthMethod, box.GrantTypes = "box", oauth.AuthBasic, []string{oauth.GrantDevice}
	app.ID, app.GrantTypes, app.RedirectURIs = "app", []string{oauth.GrantCode}, []string{callback}
	for _, c := range []oauth.Client{tv, box, app} {
		g.add(c)
	}
	return g
}

// begin is a device authorization of the client.
func (g *grants) beginDevice(client string, form url.Values) (device, user string) {
	g.t.Helper()
	a := g.want(g.post("/oauth/device_authorization", client, form), 200, "")
	return a.str("device_code"), a.str("user_code")
}

func polling(device string) url.Values {
	return url.Values{"grant_type": {oauth.GrantDevice}, "device_code": {device}}
}

// decide has user1 answer at the page.
func (g *grants) decide(p *person, user, decision string) seen {
	g.t.Helper()
	s := p.visit("/device")
	if strings.HasPrefix(s.path, "/signin") {
		s = p.signIn(s, "user1", "password1")
	}
	s = p.at(p.fill(s, 0, "user_code", user), 200, "/device", "Televisi")
	return p.at(p.fill(s, 0, "decision", decision), 200, "/device")
}

// A television is let in: asked for, pending, allowed by a person who types the code in as people do, redeemed once.
// checklist 69, 70, 72
func TestDevice(t *testing.T) {
	t.Parallel()
	g := startDevices(t, nil)
	a := g.want(g.post("/oauth/device_authorization", "tv", url.Values{"scope": {"openid read"}, "resource": {resourceB}}), 200, "")
	device, user := a.str("device_code"), a.str("user_code")
	var number struct {
		Expires  int `json:"expires_in"`
		Interval int `json:"interval"`
	}
	if err := json.Unmarshal([]byte(a.raw), &number); err != nil || number.Expires != 600 || number.Interval != 5 {
		t.Errorf("expires_in %d, interval %d", number.Expires, number.Interval)
	}
	if a.str("verification_uri") != g.url+"/device" || a.str("verification_uri_complete") != g.url+"/device?user_code="+user || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("answer %s", a.raw)
	}
	if len(device) < 4+43 || !strings.HasPrefix(device, "sdd_") || len(user) != 9 {
		t.Errorf("codes %q, %q", device, user)
	}
	g.want(g.token("tv", polling(device)), 400, "authorization_pending")
	g.decide(g.person(t), strings.ToLower(strings.ReplaceAll(user, "-", " ")), "allow")
	g.advance(5 * time.Second)
	got := g.want(g.token("tv", polling(device)), 200, "")
	access := claims(t, got.str("access_token"))
	if access["sub"] != "user1" || access["client_id"] != "tv" || access["scope"] != "openid read" || access["fresh"] != true {
		t.Errorf("access token %v", access)
	}
	if aud, _ := access["aud"].([]any); !slices.Contains(aud, any(resourceB)) || slices.Contains(aud, any(resourceA)) {
		t.Errorf("aud %v", access["aud"])
	}
	id := claims(t, got.str("id_token"))
	if id["aud"] != "tv" || id["sid"] != access["sid"] || id["at_hash"] == nil || id["acr"] != "urn:sandi:pwd" {
		t.Errorf("ID token %v", id)
	}
	g.want(g.token("tv", refreshing(got.str("refresh_token"))), 200, "")
	g.want(g.token("tv", polling(device)), 400, "invalid_grant")
	for _, secret := range []string{device, user, strings.ReplaceAll(user, "-", "")} {
		if strings.Contains(g.log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

// Each poll that comes too soon makes the interval 5 s longer, allowed or not.
// checklist 70
func TestDeviceSlowDown(t *testing.T) {
	t.Parallel()
	g := startDevices(t, nil)
	device, user := g.beginDevice("tv", nil)
	g.want(g.token("tv", polling(device)), 400, "authorization_pending")
	g.want(g.token("tv", polling(device)), 400, "slow_down") // 10 s from now on
	g.advance(6 * time.Second)
	g.want(g.token("tv", polling(device)), 400, "slow_down") // 15 s
	g.decide(g.person(t), user, "allow")
	g.advance(11 * time.Second)
	g.want(g.token("tv", polling(device)), 400, "slow_down") // 20 s
	g.advance(21 * time.Second)
	g.want(g.token("tv", polling(device)), 200, "")
}

// checklist 70
func TestDeviceDeniedOrExpired(t *testing.T) {
	t.Parallel()
	g := startDevices(t, func(c *config.Config) { c.OAuth.DeviceLifetime = time.Minute })
	denied, user := g.beginDevice("tv", nil)
	pending, late := g.beginDevice("tv", nil)
	allowed, third := g.beginDevice("tv", nil)
	p := g.person(t)
	g.decide(p, user, "deny")
	g.want(g.token("tv", polling(denied)), 400, "access_denied")
	p.at(p.fill(p.visit("/device"), 0, "user_code", user), 404, "/device") // decided is decided
	g.decide(p, third, "allow")
	g.advance(61 * time.Second)
	p.at(p.fill(p.visit("/device"), 0, "user_code", late), 404, "/device")
	g.want(g.token("tv", polling(pending)), 400, "expired_token")
	g.want(g.token("tv", polling(allowed)), 400, "expired_token")
}

// Who may begin one, and for what; nobody else's device code counts, and it is not used up by trying.
// checklist 71, 72
func TestDeviceRefused(t *testing.T) {
	t.Parallel()
	g := startDevices(t, nil)
	begin := func(client string, form url.Values, header ...string) answer {
		return g.post("/oauth/device_authorization", client, form, header...)
	}
	g.want(begin("app", nil), 400, "unauthorized_client")
	g.want(begin("nobody", nil), 401, "invalid_client")
	g.want(begin("", url.Values{"scope": {"read"}}), 401, "invalid_client")
	g.want(begin("tv", url.Values{"scope": {"read other"}}), 400, "invalid_scope")
	g.want(begin("tv", url.Values{"resource": {"https://c.example"}}), 400, "invalid_target")
	secret := g.secrets["box"]
	delete(g.secrets, "box")
	g.want(begin("box", nil), 401, "invalid_client")
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("box:"+secret))
	g.want(begin("", url.Values{"client_id": {"box"}}, "Authorization", basic), 200, "")
	g.want(begin("", url.Values{"client_id": {"tv"}}, "Authorization", basic), 400, "invalid_request")

	device, user := g.beginDevice("tv", nil)
	g.decide(g.person(t), user, "allow")
	g.want(g.token("", polling(device), "Authorization", basic), 400, "invalid_grant")
	g.want(g.token("tv", polling(device+"x")), 400, "invalid_grant")
	g.want(g.token("tv", polling("")), 400, "invalid_request")
	g.want(g.token("app", polling(device)), 400, "unauthorized_client")
	g.want(g.token("tv", polling(device)), 200, "")
}

// Of many polls at once after the user allowed it, one gets tokens.
// checklist 72
func TestDeviceOnce(t *testing.T) {
	t.Parallel()
	g := startDevices(t, nil)
	device, user := g.beginDevice("tv", nil)
	g.decide(g.person(t), user, "allow")
	var got atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if g.token("tv", polling(device)).status == 200 {
				got.Add(1)
			}
		})
	}
	all.Wait()
	if got.Load() != 1 {
		t.Errorf("%d of 20 polls got tokens, want 1", got.Load())
	}
}

// A link with the code decides nothing: the client is shown, and the person confirms by a click (RFC 8628 sections 3.3.1 and 5.4).
// checklist 72
func TestDeviceLinkIsConfirmed(t *testing.T) {
	t.Parallel()
	g := startDevices(t, nil)
	device, user := g.beginDevice("tv", nil)
	p := g.person(t)
	s := p.signIn(p.visit("/device?user_code="+user), "user1", "password1")
	p.at(s, 200, "/device", user)
	g.want(g.token("tv", polling(device)), 400, "authorization_pending")
	p.at(p.fill(s, 0), 200, "/device", "Televisi", user)
	g.advance(6 * time.Second)
	g.want(g.token("tv", polling(device)), 400, "authorization_pending")
}

// Codes are not guessed: five tries, then ever longer waits, from one network, and for one user from any.
// checklist 71
func TestDeviceGuessing(t *testing.T) {
	t.Parallel()
	g := startDevices(t, func(c *config.Config) { c.Listen.TrustedProxies = []string{"127.0.0.1/32"} })
	_, user := g.beginDevice("tv", nil)
	p := g.person(t)
	p.signIn(p.visit("/device"), "user1", "password1")
	try := func(p *person, code, network string) seen {
		action, fields := p.visit("/device", "X-Forwarded-For", network).form(t, 0)
		fields.Set("user_code", code)
		a := p.send("POST", action, fields.Encode(), "X-Forwarded-For", network)
		return p.follow(a, action)
	}
	for i := range 5 {
		p.at(try(p, "BCDF-GHJ"+string("KLMNP"[i]), "192.0.2.1"), 404, "/device")
	}
	p.at(try(p, user, "192.0.2.1"), 429, "/device")
	p.at(try(p, user, "192.0.2.2"), 429, "/device") // the same user from elsewhere
	other := g.person(t)
	other.signIn(other.visit("/device"), "test", "test")
	other.at(try(other, user, "192.0.2.1"), 429, "/device") // another from the same network
	other.at(try(other, user, "192.0.2.3"), 200, "/device", "Televisi")
	g.advance(2 * time.Second)
	p.at(try(p, user, "192.0.2.1"), 200, "/device", "Televisi")
}

// What a device holds is a sign-in of its own: it outlives that of the browser it was allowed in, and ends with the user's account.
func TestDeviceIsASignIn(t *testing.T) {
	t.Parallel()
	g := startDevices(t, nil)
	device, user := g.beginDevice("tv", url.Values{"scope": {"read"}})
	later, second := g.beginDevice("tv", nil)
	p := g.person(t)
	g.decide(p, user, "allow")
	g.decide(p, second, "allow")
	p.fill(p.visit("/signout"), 0)
	got := g.want(g.token("tv", polling(device)), 200, "")
	access, _ := g.login(g.client, "user1", "password1")
	g.want(g.call(g.client, "POST", "/account/password", access, `{"current_password": "password1", "new_password": "gerimis sore di pematang"}`), 200, "")
	g.want(g.token("tv", refreshing(got.str("refresh_token"))), 400, "invalid_grant")
	g.want(g.token("tv", polling(later)), 400, "invalid_grant") // allowed under the old password
}
