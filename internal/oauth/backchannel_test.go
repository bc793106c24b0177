package oauth

import (
	"net/netip"
	"net/url"
	"testing"
)

// A logout token goes by https to public addresses; only a server that is for its own machine alone stays there.
// secure-defaults 17b
func TestWhereLogoutTokensGo(t *testing.T) {
	t.Parallel()
	public := &Endpoint{Config: Config{Issuer: "https://id.example"}}
	private := &Endpoint{Config: Config{Issuer: "https://id.example", InsecureAllowPrivate: true}}
	local := &Endpoint{Config: Config{Issuer: "http://127.0.0.1:8080"}}
	for uri, want := range map[string][3]bool{ // public, private, local
		"https://app.example/x":      {true, true, true},
		"http://app.example/x":       {false, false, false},
		"http://localhost:1/x":       {false, false, true},
		"http://127.0.0.1:1/x":       {false, false, true},
		"http://[::1]:1/x":           {false, false, true},
		"http://127.0.0.1.example/x": {false, false, false},
		"ftp://app.example/x":        {false, false, false},
	} {
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		if got := [3]bool{public.mayPost(u) == nil, private.mayPost(u) == nil, local.mayPost(u) == nil}; got != want {
			t.Errorf("%s: got %v, want %v", uri, got, want)
		}
	}
	for address, want := range map[string][3]bool{
		"93.184.215.14:443":        {true, true, true},
		"[2606:4700::1111]:443":    {true, true, true},
		"127.0.0.1:443":            {false, true, true},
		"[::1]:443":                {false, true, true},
		"[::ffff:127.0.0.1]:443":   {false, true, true},
		"10.1.2.3:443":             {false, true, false},
		"172.16.0.1:443":           {false, true, false},
		"192.168.1.1:443":          {false, true, false},
		"169.254.169.254:443":      {false, true, false},
		"100.64.0.1:443":           {false, true, false},
		"0.0.0.0:443":              {false, true, false},
		"224.0.0.1:443":            {false, true, false},
		"255.255.255.255:443":      {false, true, false},
		"[fe80::1%eth0]:443":       {false, true, false},
		"[fd00::1]:443":            {false, true, false},
		"[64:ff9b::7f00:1]:443":    {false, true, false},
		"[64:ff9b::808:808]:443":   {true, true, true},
		"[2002:7f00:1::]:443":      {false, true, false},
		"[::]:443":                 {false, true, false},
		"not an address":           {false, false, false},
		"[2001:db8::1]:443":        {false, true, false},
		"198.18.0.1:443":           {false, true, false},
		"[::ffff:169.254.0.1]:443": {false, true, false},
	} {
		if got := [3]bool{public.mayDial(address) == nil, private.mayDial(address) == nil, local.mayDial(address) == nil}; got != want {
			t.Errorf("%s: got %v, want %v", address, got, want)
		}
	}
	if isPublic(netip.Addr{}) {
		t.Error("no address is public")
	}
}
