package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
)

const testIssuer = "https://id.example.com"

// door is an Endpoint that knows clients and nothing else.
type door struct {
	*Endpoint
	t   *testing.T
	now time.Time
}

// noStore has no clients.
type noStore struct{ ClientStore }

func (noStore) Client(context.Context, string) (Client, error) { return Client{}, ErrNoClient }

func newDoor(t *testing.T, clients ...Client) *door {
	t.Helper()
	d := &door{t: t, now: time.Unix(1_800_000_000, 0)}
	clock := func() time.Time { return d.now }
	known, err := NewClients(ClientsConfig{Store: noStore{}, Configured: clients, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	d.Endpoint = &Endpoint{Config: Config{
		Issuer: testIssuer, Clients: known, Limits: cluster.NewMemory(clock), Now: clock, Replay: guard.NewReplayMemory(guard.ReplayMemoryConfig{Now: clock}),
	}}
	return d
}

// shows is a request of the token endpoint with these parameters.
func (d *door) shows(f url.Values, change func(*http.Request)) (Client, error) {
	d.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/oauth/token", nil)
	if change != nil {
		change(r)
	}
	parsed, err := parseForm(f.Encode())
	if err != nil {
		d.t.Fatal(err)
	}
	return d.authenticate(r, parsed)
}

func basic(header string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add("Authorization", header) }
}

// secretOf is a client with one secret, and that secret.
func secretOf(id, method string) (Client, string) {
	plain, s := NewSecret(time.Unix(1_700_000_000, 0), time.Time{})
	return Client{ID: id, AuthMethod: method, Secrets: []Secret{s}}, plain
}

// code is the code of an error, "" for none.
func code(err error) string {
	if err == nil {
		return ""
	}
	return problem.From(err).Code
}

// checklist 38, 39, 40, 41
func TestSecretsAndIDs(t *testing.T) {
	t.Parallel()
	b, secret := secretOf("portal", AuthBasic)
	p, posted := secretOf("poster", AuthPost)
	odd := Client{ID: "odd", AuthMethod: AuthBasic, Secrets: []Secret{{Hash: sha256.Sum256([]byte("a b+c:d%é"))}}}
	d := newDoor(t, b, p, odd, Client{ID: "app", AuthMethod: AuthNone})
	set := func(user, password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(user), url.QueryEscape(password)) }
	}
	escaped := strings.NewReplacer("_", "%5F", "-", "%2D").Replace(secret)
	for _, tt := range []struct {
		name   string
		form   url.Values
		header func(*http.Request)
		want   string // the code, or the client
	}{
		{"basic", nil, set("portal", secret), "portal"},
		{"basic with the id repeated", url.Values{"client_id": {"portal"}}, set("portal", secret), "portal"},
		{"basic, escaped more than needed", nil, func(r *http.Request) { r.SetBasicAuth("p%6Frtal", escaped) }, "portal"},
		{"basic, form-urlencoded", nil, func(r *http.Request) { r.SetBasicAuth("odd", "a+b%2Bc%3Ad%25%C3%A9") }, "odd"},
		{"basic, not form-urlencoded", nil, func(r *http.Request) { r.SetBasicAuth("odd", "a b+c:d%é") }, "invalid_client"},
		{"basic, wrong secret", nil, set("portal", secret+"x"), "invalid_client"},
		{"basic, another client's secret", nil, set("portal", posted), "invalid_client"},
		{"basic, unknown client", nil, set("nobody", secret), "invalid_client"},
		{"basic, another id in the body", url.Values{"client_id": {"poster"}}, set("portal", secret), "invalid_request"},
		{"basic and post", url.Values{"client_secret": {secret}}, set("portal", secret), "invalid_request"},
		{"basic and assertion", url.Values{"client_assertion": {"x"}, "client_assertion_type": {assertionType}}, set("portal", secret), "invalid_request"},
		{"basic twice", nil, func(r *http.Request) { set("portal", secret)(r); basic(r.Header.Get("Authorization"))(r) }, "invalid_request"},
		{"basic without a user", nil, set("", secret), "invalid_client"},
		{"basic of a client that posts", nil, set("poster", posted), "invalid_client"},
		{"basic, empty password, confidential", nil, set("portal", ""), "invalid_client"},
		{"basic, empty password, public", nil, set("app", ""), "app"},
		{"bearer", nil, basic("Bearer " + secret), "invalid_client"},
		{"no base64", nil, basic("Basic !!"), "invalid_client"},
		{"post", url.Values{"client_id": {"poster"}, "client_secret": {posted}}, nil, "poster"},
		{"post of a client with Basic", url.Values{"client_id": {"portal"}, "client_secret": {secret}}, nil, "invalid_client"},
		{"post without an id", url.Values{"client_secret": {posted}}, nil, "invalid_client"},
		{"post and assertion", url.Values{"client_id": {"poster"}, "client_secret": {posted}, "client_assertion": {"x"}}, nil, "invalid_request"},
		{"public", url.Values{"client_id": {"app"}}, nil, "app"},
		{"public with a secret", url.Values{"client_id": {"app"}, "client_secret": {"x"}}, nil, "invalid_client"},
		{"confidential by its id alone", url.Values{"client_id": {"portal"}}, nil, "invalid_client"},
		{"unknown by its id alone", url.Values{"client_id": {"nobody"}}, nil, "invalid_client"},
		{"an id that none can have", url.Values{"client_id": {"a b\n"}}, nil, "invalid_client"},
		{"nothing", nil, nil, "invalid_client"},
		{"assertion of no type", url.Values{"client_id": {"portal"}, "client_assertion": {"x"}}, nil, "invalid_request"},
		{"assertion of another type", url.Values{"client_assertion": {"x"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}}, nil, "invalid_request"},
	} {
		c, err := d.shows(tt.form, tt.header)
		if err == nil && c.ID != tt.want || err != nil && code(err) != tt.want {
			t.Errorf("%s: client %q, error %v, want %s", tt.name, c.ID, err, tt.want)
		}
		if code(err) == "invalid_client" && !errors.Is(err, problem.Unauthenticated) {
			t.Errorf("%s: invalid_client is not answered by 401", tt.name)
		}
	}
}

// Two secrets at a time: the old one counts until its end. Only hashes are kept.
// checklist 48
func TestTwoSecrets(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	old, first := NewSecret(d.now, d.now.Add(time.Hour))
	fresh, second := NewSecret(d.now, time.Time{})
	c := Client{ID: "portal", AuthMethod: AuthBasic, Secrets: []Secret{first, second}}
	kept, err := json.Marshal(c)
	if err != nil || strings.Contains(string(kept), old) || strings.Contains(string(kept), strings.TrimPrefix(fresh, secretPrefix)) {
		t.Errorf("what is kept holds a secret: %s, %v", kept, err)
	}
	for _, tt := range []struct {
		plain string
		after time.Duration
		want  bool
	}{{old, 0, true}, {fresh, 0, true}, {old, time.Hour - 1, true}, {old, time.Hour, false}, {fresh, time.Hour, true}, {"", 0, false}, {fresh[1:], 0, false}} {
		if got := c.hasSecret(tt.plain, d.now.Add(tt.after)); got != tt.want {
			t.Errorf("a secret of %d characters after %v counts %v, want %v", len(tt.plain), tt.after, got, tt.want)
		}
	}
	if len(old) != len(secretPrefix)+43+6 || checksum(old[:len(old)-6]) != old[len(old)-6:] || old == fresh {
		t.Errorf("a secret of %d characters, or its checksum is wrong", len(old))
	}
}

// checklist 42
// secure-defaults 13b
func TestClientGuessing(t *testing.T) {
	t.Parallel()
	c, secret := secretOf("portal", AuthPost)
	d := newDoor(t, c)
	try := func(id, secret string) string {
		_, err := d.shows(url.Values{"client_id": {id}, "client_secret": {secret}}, nil)
		if errors.Is(err, problem.TooMany) && problem.From(err).RetryAfter <= 0 {
			t.Error("429 without Retry-After")
		}
		return code(err)
	}
	for i := range clientTries.Free {
		if got := try("portal", "wrong"); got != "invalid_client" {
			t.Fatalf("failure %d: %s", i, got)
		}
	}
	if got := try("portal", "wrong"); got != "temporarily_unavailable" {
		t.Errorf("after %d failures: %q", clientTries.Free, got)
	}
	if got := try("portal", secret); got != "temporarily_unavailable" {
		t.Errorf("the right secret within the wait: %q: whoever guesses would learn it", got)
	}
	d.now = d.now.Add(clientTries.Base)
	if got := try("portal", secret); got != "" {
		t.Errorf("the right secret after the wait: %q", got)
	}
	for i := range clientTries.Free {
		if got := try("portal", "wrong"); got != "invalid_client" {
			t.Errorf("failure %d after a success: %q, want it counted anew", i, got)
		}
	}
	for range 2 * clientTries.Free {
		if _, err := d.shows(url.Values{"client_id": {"poster"}}, nil); code(err) != "invalid_client" {
			t.Errorf("the wrong method, tried out: %v", err)
		}
	}
}

// Strangers keep nobody out: failures count for the network that they come from, and a client that never failed asks no counter.
// checklist 42
func TestStrangersKeepNoClientOut(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	wrong := func() error { return noClient(nil) }
	for range 3 * clientTries.Free {
		if err := d.throttled(t.Context(), "portal 192.0.2.1", wrong); err == nil {
			t.Fatal("let in")
		}
	}
	if err := d.throttled(t.Context(), "portal 192.0.2.1", wrong); !errors.Is(err, problem.TooMany) {
		t.Errorf("a stranger: %v", err)
	}
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if err := d.throttled(t.Context(), "portal 192.0.2.2", func() error { return nil }); err != nil {
				t.Errorf("the client itself: %v", err)
			}
		})
	}
	all.Wait()
	outage := errors.New("store is away")
	if err := d.throttled(t.Context(), "portal 192.0.2.3", func() error { return outage }); !errors.Is(err, outage) || d.suspects.has("portal 192.0.2.3", d.now) {
		t.Errorf("an outage counts as a failure: %v", err)
	}
	for i := range 2 * maxSuspects {
		d.suspects.add(strconv.Itoa(i), d.now.Add(time.Hour))
	}
	if n := len(d.suspects.until); n > maxSuspects {
		t.Errorf("%d suspects are remembered, at most %d may be", n, maxSuspects)
	}
}
