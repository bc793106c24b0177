package oauth

import (
	"slices"
	"testing"
	"time"
)

const (
	books = "https://books.example.com"
	pay   = "https://pay.example.com"
)

var shop = Policy{
	Access: 15 * time.Minute, Idle: 14 * 24 * time.Hour, Absolute: 30 * 24 * time.Hour, Rotate: true,
	MaxAccess: time.Hour, MaxIdle: 20 * 24 * time.Hour, MaxAbsolute: 40 * 24 * time.Hour,
	Resources: []Resource{{ID: books, Scopes: []string{"read", "write"}}, {ID: pay, Scopes: []string{"pay"}, Access: 5 * time.Minute}, {ID: testIssuer}},
	Scopes: []Scope{
		{Name: "read", Description: "Read books", Descriptions: map[string]string{"id": "Membaca buku"}},
		{Name: "write"},
		{Name: "pay"},
	},
}

// checklist 13, 23, 87, 88, 150
func TestTargets(t *testing.T) {
	t.Parallel()
	both := Client{Scopes: []string{"openid", "offline_access", "read", "pay", "gone"}, Resources: []string{books, pay}}
	plain := Client{Scopes: []string{"openid", "read"}}
	gone := Client{Scopes: []string{"read"}, Resources: []string{"https://gone.example.com"}}
	own := []string{testIssuer}
	for _, tt := range []struct {
		name             string
		c                Client
		scope, resources []string
		granted, aud     []string
		code             string
	}{
		{"nothing asked", both, nil, nil, []string{"read"}, []string{books}, ""},
		{"nothing asked of another resource", both, nil, []string{pay}, []string{"pay"}, []string{pay}, ""},
		{"both", both, []string{"openid", "read", "pay"}, []string{pay, books, pay}, []string{"openid", "read", "pay"}, []string{pay, books}, ""},
		{"built in alone", both, []string{"openid", "offline_access"}, []string{pay}, []string{"openid", "offline_access"}, []string{pay}, ""},
		{"a scope of another resource", both, []string{"pay"}, []string{books}, nil, nil, "invalid_scope"},
		{"a scope of another resource than the default", both, []string{"pay"}, nil, nil, nil, "invalid_scope"},
		{"a scope that the client has not", both, []string{"write"}, nil, nil, nil, "invalid_scope"},
		{"a scope that nobody knows", both, []string{"admin"}, nil, nil, nil, "invalid_scope"},
		{"a scope that is known no more", both, []string{"gone"}, nil, nil, nil, "invalid_scope"},
		{"letter case", both, []string{"Read"}, nil, nil, nil, "invalid_scope"},
		{"a resource that the client has not", both, []string{"read"}, own, nil, nil, "invalid_target"},
		{"a resource with a slash", both, []string{"read"}, []string{books + "/"}, nil, nil, "invalid_target"},
		{"a resource with a fragment", both, []string{"read"}, []string{books + "#x"}, nil, nil, "invalid_target"},
		{"no URI", both, []string{"read"}, []string{"books"}, nil, nil, "invalid_target"},
		{"without resources", plain, []string{"read"}, nil, []string{"read"}, own, ""},
		{"without resources, the server's own named", plain, []string{"read"}, own, []string{"read"}, own, ""},
		{"without resources, another named", plain, []string{"read"}, []string{books}, nil, nil, "invalid_target"},
		{"whose resource is gone", gone, nil, nil, nil, nil, "invalid_target"},
	} {
		granted, aud, err := shop.target(tt.c, tt.scope, tt.resources, own)
		if code(err) != tt.code || err == nil && (!slices.Equal(granted, tt.granted) || !slices.Equal(aud, tt.aud)) {
			t.Errorf("%s: scope %q, aud %q, error %v; want %q, %q, %s", tt.name, granted, aud, err, tt.granted, tt.aud, tt.code)
		}
	}
}

// No client and no resource exceeds a ceiling, whatever they say.
// checklist 65, 90
// secure-defaults 5a
func TestLifetimesOfClients(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name                   string
		c                      Client
		resources              []string
		access, idle, absolute time.Duration
	}{
		{"the server's", Client{}, nil, 15 * time.Minute, 14 * day, 30 * day},
		{"its own", Client{Access: time.Minute, Idle: time.Hour, Absolute: day}, []string{books}, time.Minute, time.Hour, day},
		{"of the resource", Client{}, []string{books, pay}, 5 * time.Minute, 14 * day, 30 * day},
		{"shorter than the resource's", Client{Access: time.Minute}, []string{pay}, time.Minute, 14 * day, 30 * day},
		{"above the ceilings", Client{Access: day, Idle: 365 * day, Absolute: 365 * day}, nil, time.Hour, 20 * day, 40 * day},
		{"idle above absolute", Client{Absolute: day}, nil, 15 * time.Minute, day, day},
		{"access above absolute", Client{Absolute: time.Minute}, nil, time.Minute, time.Minute, time.Minute},
	} {
		access, idle, absolute := shop.lifetimes(tt.c, tt.resources)
		if access != tt.access || idle != tt.idle || absolute != tt.absolute {
			t.Errorf("%s: %v, %v, %v; want %v, %v, %v", tt.name, access, idle, absolute, tt.access, tt.idle, tt.absolute)
		}
	}
}

// checklist 9
// secure-defaults 6b, 6f
func TestRotationPerClient(t *testing.T) {
	t.Parallel()
	fixed := shop
	fixed.Rotate = false
	for _, tt := range []struct {
		name string
		p    Policy
		c    Client
		want bool
	}{
		{"default", shop, Client{}, true},
		{"kept", shop, Client{KeepRefresh: true}, false},
		{"FAPI", shop, Client{FAPI: true}, false},
		{"insecure", shop, Client{InsecureNoRotation: true}, false},
		{"by profile", fixed, Client{}, false},
	} {
		if got := tt.p.rotates(tt.c); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestDescriptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ scope, language, want string }{
		{"read", "id", "Membaca buku"},
		{"read", "zh-Hant", "Read books"},
		{"write", "en", "write"},
		{"openid", "en", "Know who you are"},
		{"openid", "zh-Hant", "識別您的身分"},
		{"unknown", "en", "unknown"},
	} {
		if got := shop.description(tt.scope, tt.language); got != tt.want {
			t.Errorf("%s in %s: %q, want %q", tt.scope, tt.language, got, tt.want)
		}
	}
	for _, s := range (Policy{}).builtIn() {
		for _, language := range []string{"id", "zh-Hant"} {
			if s.Descriptions[language] == "" {
				t.Errorf("%s has no description in %s", s.Name, language)
			}
		}
	}
}

// checklist 150
func TestResourceIdentifiers(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		books: true, books + "/v1?x=y": true, "urn:example:books": true, "https://books.example.com:8443/": true,
		"": false, "books": false, "/books": false, "//books.example.com": false, books + "#x": false, books + "#": false, "https://": false,
		"https://books.example.com/ä": false, "https://books example.com": false, "http://%zz": false,
	} {
		if got := IsResource(id); got != want {
			t.Errorf("IsResource(%q) = %v, want %v", id, got, want)
		}
	}
}
