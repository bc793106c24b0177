package oauth

import (
	"net/url"
	"strings"
	"testing"
)

// hostile are redirect URIs that no client below may be answered at. invalid says that none may register them either; native ones are judged
// as a native client's, the others as both.
var hostile = []struct {
	uri     string
	invalid bool
}{
	// Another host that looks like the registered one.
	{"https://app.example.com.evil.example/callback", false},
	{"https://app.example.comevil.example/callback", false},
	{"https://evilapp.example.com/callback", false},
	{"https://evil.example/app.example.com/callback", false},
	{"https://evil.example/https://app.example.com/callback", false},
	{"https://evil.example?https://app.example.com/callback", false},
	{"https://evil.example/?next=https://app.example.com/callback", false},
	{"https://app.example.co/callback", false},
	{"https://example.com/callback", false},
	{"https://www.app.example.com/callback", false},
	{"https://app-example.com/callback", false},
	{"https://app.example.com./callback", true},
	{"https://.app.example.com/callback", true},
	{"https://app..example.com/callback", true},
	{"https://xn--pp-9kc.example.com/callback", false},
	{"https://аpp.example.com/callback", true},
	{"https://app。example。com/callback", true},
	{"https://%61pp.example.com/callback", true},
	{"https://app.example.com%2eevil.example/callback", true},
	{"https://app.example.com%00.evil.example/callback", true},
	{"https://*.example.com/callback", true},
	{"https://*/callback", true},
	{"https://app.example.com/*", true},
	{"*", true},
	// What stands before the host.
	{"https://app.example.com@evil.example/callback", true},
	{"https://app.example.com:443@evil.example/callback", true},
	{"https://app.example.com%40evil.example/callback", true},
	{"https://user:password@app.example.com/callback", true},
	{"https://@app.example.com/callback", true},
	{`https://app.example.com\@evil.example/callback`, true},
	{`https:\\app.example.com\callback`, true},
	{`https://evil.example\.app.example.com/callback`, true},
	{"https:app.example.com/callback", true},
	{"https:/app.example.com/callback", true},
	{"https:///app.example.com/callback", true},
	{"//app.example.com/callback", true},
	{"/callback", true},
	{"callback", true},
	{"", true},
	// The same host, in another way or at another port.
	{"http://app.example.com/callback", true},
	{"HTTPS://app.example.com/callback", true},
	{"https://APP.example.com/callback", false},
	{"https://app.example.com:443/callback", false},
	{"https://app.example.com:8443/callback", false},
	{"https://app.example.com:/callback", true},
	{"https://app.example.com:0/callback", true},
	{"https://app.example.com:065536/callback", true},
	{"https://app.example.com:99999/callback", true},
	{"https://app.example.com:4x3/callback", true},
	{"ftp://app.example.com/callback", true},
	{"wss://app.example.com/callback", true},
	// Another path.
	{"https://app.example.com/callback/", false},
	{"https://app.example.com/Callback", false},
	{"https://app.example.com/callback/../evil", true},
	{"https://app.example.com/evil/../callback", true},
	{"https://app.example.com/%2e%2e/callback", true},
	{"https://app.example.com/./callback", true},
	{"https://app.example.com/%63allback", false},
	{"https://app.example.com/callback%2f..", true},
	{"https://app.example.com//callback", false},
	{"https://app.example.com/callback;x=1", false},
	{"https://app.example.com/callback%00", true},
	{"https://app.example.com/callback%0d%0aSet-Cookie:x=y", true},
	{"https://app.example.com/callback\r\nLocation: https://evil.example", true},
	{"https://app.example.com/callback\x00", true},
	{"https://app.example.com/callback ", true},
	{" https://app.example.com/callback", true},
	{"https://app.example.com/call\tback", true},
	{"https://app.example.com/%zz", true},
	{"https://app.example.com/%5cevil", true},
	// Another query or a fragment.
	{"https://app.example.com/callback?", false},
	{"https://app.example.com/callback?next=https://evil.example", false},
	{"https://app.example.com/callback?code=stolen", true},
	{"https://app.example.com/callback?state=x&iss=y", true},
	{"https://app.example.com/callback?x=%0a", true},
	{"https://app.example.com/callback?x=%zz", true},
	{"https://app.example.com/callback#", true},
	{"https://app.example.com/callback#@evil.example", true},
	{"https://app.example.com/callback%23", false},
	// Schemes that run, read or start something.
	{"javascript:alert(document.cookie)", true},
	{"javascript://app.example.com/%0aalert(1)", true},
	{"JaVaScRiPt:alert(1)", true},
	{"java\tscript:alert(1)", true},
	{"data:text/html,<script>alert(1)</script>", true},
	{"data:text/html;base64,PHNjcmlwdD4=", true},
	{"vbscript:msgbox(1)", true},
	{"file:///etc/passwd", true},
	{"blob:https://app.example.com/1", true},
	{"about:blank", true},
	{"view-source:https://app.example.com/callback", true},
	{"intent://app.example.com/callback#Intent;end", true},
	{"mailto:a@evil.example", true},
	{"myapp:/callback", true},
	{"urn:ietf:wg:oauth:2.0:oob", true},
	{"com.example.app:callback", true},
	{"Com.Example.App:/callback", true},
	{"com.evil.app:/callback", false},
	{"com.example.app:/callback?x=1", false},
	{"com.example.app://callback", false},
	// Loopback: the port may differ, and nothing else.
	{"http://127.0.0.1:7777/callback/", false},
	{"http://127.0.0.1:7777/evil", false},
	{"http://127.0.0.1:7777@evil.example/callback", true},
	{"http://127.0.0.1.evil.example:7777/callback", true},
	{"http://127.0.0.1:7777.evil.example/callback", true},
	{"http://127.0.0.1:77777/callback", true},
	{"http://127.0.0.1:0/callback", true},
	{"http://127.0.0.1:007777/callback", true},
	{"http://127.0.0.1:/callback", true},
	{"http://127.0.0.1:7777callback", true},
	{"http://127.0.0.1:7777/callback#x", true},
	{"http://127.0.0.1:7777/callback?x=1", false},
	{"https://127.0.0.1:7777/callback", false},
	{"http://127.0.0.2:7777/callback", true},
	{"http://127.1:7777/callback", true},
	{"http://0177.0.0.1:7777/callback", true},
	{"http://2130706433/callback", true},
	{"http://0x7f.0.0.1/callback", true},
	{"http://0.0.0.0:7777/callback", true},
	{"http://localhost:7777/callback", false},
	{"http://localhost.evil.example/callback", true},
	{"http://[::1]:7777/evil", false},
	{"http://[0:0:0:0:0:0:0:1]:7777/callback", true},
	{"http://[::ffff:127.0.0.1]:7777/callback", true},
	{"http://[::1%25lo]:7777/callback", true},
	{"http://[::1]evil.example/callback", true},
	{"http://[::1:7777/callback", true},
	{"http://::1:7777/callback", true},
	{"http://10.0.0.1/callback", true},
	{"http://169.254.169.254/latest/meta-data", true},
}

// checklist 6, 7, 20
// secure-defaults 8a
func TestHostileRedirectURIs(t *testing.T) {
	t.Parallel()
	web := Client{RedirectURIs: []string{"https://app.example.com/callback"}}
	native := Client{Native: true, RedirectURIs: []string{
		"https://app.example.com/callback", "http://127.0.0.1:8000/callback", "http://[::1]/callback", "http://localhost:8000/callback", "com.example.app:/callback",
	}}
	for _, uri := range native.RedirectURIs {
		if err := validRedirect(uri, true); err != nil || !native.redirects(uri) {
			t.Errorf("%q of a native client: %v, matches %v", uri, err, native.redirects(uri))
		}
	}
	seen := map[string]bool{}
	for _, h := range hostile {
		if seen[h.uri] {
			t.Errorf("%q stands twice", h.uri)
		}
		seen[h.uri] = true
		if web.redirects(h.uri) || native.redirects(h.uri) {
			t.Errorf("%q is taken for a registered one", h.uri)
		}
		if err := validRedirect(h.uri, true); (err != nil) != h.invalid {
			t.Errorf("%q registered by a native client: %v, want an error %v", h.uri, err, h.invalid)
		}
		if err := validRedirect(h.uri, false); h.invalid && err == nil {
			t.Errorf("%q registered by a web client", h.uri)
		}
	}
	if len(seen) < 72 {
		t.Errorf("%d hostile URIs, at least 72 are wanted", len(seen))
	}
}

// Only a native client's loopback address, by its IP literal, takes another port (RFC 8252 section 7.3).
// checklist 6, 7
func TestLoopbackPorts(t *testing.T) {
	t.Parallel()
	registered := []string{"http://127.0.0.1/callback", "http://[::1]:9000/callback", "http://localhost:8000/callback"}
	for _, tt := range []struct {
		uri    string
		native bool
	}{
		{"http://127.0.0.1:51004/callback", true},
		{"http://127.0.0.1:65535/callback", true},
		{"http://[::1]:1/callback", true},
		{"http://[::1]/callback", true},
		{"http://localhost:8001/callback", false},
		{"http://localhost/callback", false},
	} {
		if got := (Client{Native: true, RedirectURIs: registered}).redirects(tt.uri); got != tt.native {
			t.Errorf("native: %q matches %v, want %v", tt.uri, got, tt.native)
		}
		if (Client{RedirectURIs: registered}).redirects(tt.uri) {
			t.Errorf("%q matches for a client that is not native", tt.uri)
		}
	}
	for _, uri := range append(registered, "com.example.app:/callback", "com.example.app://callback") {
		if err := validRedirect(uri, true); err != nil {
			t.Errorf("%q of a native client: %v", uri, err)
		}
		if validRedirect(uri, false) == nil {
			t.Errorf("%q may be registered by a client that is not native", uri)
		}
	}
	for _, uri := range []string{"https://app.example.com", "https://app.example.com/a/b?c=d&e", "https://app.example.com:8443/", "https://[2001:db8::1]/callback", "https://10.0.0.1/callback"} {
		if err := validRedirect(uri, false); err != nil {
			t.Errorf("%q: %v", uri, err)
		}
	}
}

func FuzzRedirect(f *testing.F) {
	for _, h := range hostile {
		f.Add(h.uri)
	}
	f.Add("http://127.0.0.1:51004/callback")
	registered := []string{"https://app.example.com/callback", "http://127.0.0.1/callback", "http://[::1]:9000/callback"}
	web, native := Client{RedirectURIs: registered[:1]}, Client{Native: true, RedirectURIs: registered}
	f.Fuzz(func(t *testing.T, uri string) {
		if web.redirects(uri) && uri != registered[0] {
			t.Errorf("%q is taken for %q", uri, registered[0])
		}
		if native.redirects(uri) {
			u, err := url.Parse(uri)
			if err != nil || u.User != nil || u.Path != "/callback" || u.RawQuery != "" || strings.Contains(uri, "#") ||
				u.Host != "app.example.com" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1" {
				t.Errorf("%q is taken for a registered one", uri)
			}
		}
		if validRedirect(uri, true) != nil {
			return
		}
		u, err := url.Parse(uri)
		if err != nil || u.String() == "" || u.Fragment != "" || u.User != nil || u.Scheme == "javascript" || u.Scheme == "data" {
			t.Errorf("%q may be registered", uri)
		}
		if validRedirect(uri, false) == nil && u.Scheme != "https" {
			t.Errorf("%q may be registered by a client that is not native", uri)
		}
	})
}
