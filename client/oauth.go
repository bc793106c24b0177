package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// OAuthConfig names a token endpoint (RFC 6749 section 3.2) and who asks there.
type OAuthConfig struct {
	// URL is the token endpoint. Required.
	URL string
	// ClientID names the client (RFC 6749 section 2.2). Required.
	ClientID string
	// ClientSecret authenticates the client by HTTP Basic (RFC 6749 section
	// 2.3.1). A public client has none.
	ClientSecret Secret
	// Scope is what to ask for; empty: what the server gives.
	Scope []string
	// Params are sent beside, such as resource (RFC 8707) or audience.
	Params url.Values
	// RefreshToken makes it the refresh token grant (RFC 6749 section 6), which
	// acts for a user. Without one it is the client credentials grant (section
	// 4.4), and the program acts for itself.
	RefreshToken Secret
	// Save keeps a new refresh token; see LoginConfig.
	Save func(ctx context.Context, refresh Secret) error
	// Base makes the requests, default http.DefaultTransport.
	Base http.RoundTripper
}

// OAuth is a Fetch from a token endpoint. It fails where the URL is neither https
// nor loopback, and without a client.
func OAuth(c OAuthConfig) (Fetch, error) {
	u, err := parseURL(c.URL)
	if err != nil {
		return nil, fmt.Errorf("client: OAuthConfig.URL: %w", err)
	}
	if c.ClientID == "" || c.ClientSecret == "" && c.RefreshToken == "" { // RFC 6749 section 4.4: for confidential clients alone
		return nil, errors.New("client: OAuthConfig needs ClientID, and ClientSecret or RefreshToken")
	}
	c.URL, c.Params = u.String(), maps.Clone(c.Params)
	hc := newHTTPClient(c.Base, nil)
	if c.RefreshToken == "" {
		return func(ctx context.Context) (Token, error) {
			return c.request(ctx, hc, url.Values{"grant_type": {"client_credentials"}})
		}, nil
	}
	s := &session{save: c.Save, refresh: c.RefreshToken, renew: func(ctx context.Context, refresh Secret) (Token, error) {
		return c.request(ctx, hc, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh.Reveal()}})
	}}
	return s.fetch, nil
}

func (c *OAuthConfig) request(ctx context.Context, hc *http.Client, grant url.Values) (Token, error) {
	form := url.Values{}
	maps.Copy(form, c.Params)
	maps.Copy(form, grant)
	if len(c.Scope) > 0 {
		form.Set("scope", strings.Join(c.Scope, " "))
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	if c.ClientSecret == "" {
		form.Set("client_id", c.ClientID)
	} else {
		var r http.Request
		r.Header = header
		r.SetBasicAuth(url.QueryEscape(c.ClientID), url.QueryEscape(c.ClientSecret.Reveal()))
	}
	start := time.Now()
	a, err := post(ctx, hc, c.URL, header, form.Encode())
	if err != nil {
		return Token{}, err
	}
	return a.token(start)
}
