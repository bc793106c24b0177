package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/client"
)

// authServer is what of a server's metadata a sign-in needs (RFC 8414 section 2).
type authServer struct {
	Issuer       string `json:"issuer"`
	AuthorizeURL string `json:"authorization_endpoint"`
	TokenURL     string `json:"token_endpoint"`
	DeviceURL    string `json:"device_authorization_endpoint"`
	RevokeURL    string `json:"revocation_endpoint"`
	// NamesItself says that each answer of the authorization endpoint has iss (RFC 9207 section 3).
	NamesItself bool `json:"authorization_response_iss_parameter_supported"`
}

// discover reads the metadata of an issuer, by RFC 8414 or else by OpenID Connect Discovery.
func discover(ctx context.Context, issuer string) (s authServer, err error) {
	u, err := secureURL(issuer)
	if err != nil {
		return s, usage("such as --issuer https://id.example.com", "--issuer %s", err)
	}
	path := strings.TrimSuffix(u.Path, "/")
	for _, at := range []string{"/.well-known/oauth-authorization-server" + path, path + "/.well-known/openid-configuration"} {
		there := url.URL{Scheme: u.Scheme, Host: u.Host, Path: at}
		if err = request(ctx, http.MethodGet, there.String(), nil, &s); err == nil {
			break
		}
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusNotFound {
			break
		}
	}
	if err != nil {
		return s, fault("check --issuer, and that the server runs", "cannot read the metadata of %s: %s", issuer, err)
	}
	if s.Issuer != issuer { // RFC 8414 section 3.3
		return s, fault("if that is the server that you mean, say --issuer "+s.Issuer, "the server at %s calls itself %q", issuer, s.Issuer)
	}
	for _, at := range []string{s.AuthorizeURL, s.TokenURL, s.DeviceURL, s.RevokeURL} {
		if at == "" {
			continue
		}
		if _, err := secureURL(at); err != nil {
			return s, fault("tell its operator", "the metadata of %s has an endpoint that %s", issuer, err)
		}
	}
	if s.TokenURL == "" {
		return s, fault("check --issuer", "the server at %s has no token endpoint", issuer)
	}
	return s, nil
}

// secureURL reads a URL that secrets are sent to.
func secureURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("is not a URL with a host, and without user, query and fragment")
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if loopback := u.Hostname() == "localhost" || err == nil && ip.IsLoopback(); u.Scheme != "https" && (u.Scheme != "http" || !loopback) {
		return nil, errors.New("is not https; http is for loopback alone")
	}
	return u, nil
}

// request sends a form, where there is one, and reads the JSON answer into v. What is not 200 is a *client.Error. No redirect is followed: what is
// sent is for one server alone.
func request(ctx context.Context, method, to string, form url.Values, v any) (err error) {
	r, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	c := http.Client{Timeout: 15 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Do(r)
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err // without the address, which the caller names
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxInput))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return refusal(res, raw)
	}
	if v != nil && json.Unmarshal(raw, v) != nil {
		return errors.New("the answer is not the JSON object that it should be") // its text might quote a token
	}
	return nil
}

// refusal reads an error of RFC 6749 section 5.2.
func refusal(res *http.Response, raw []byte) error {
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(raw, &body) // no JSON: the status says enough
	e := &client.Error{Status: res.StatusCode, Code: short(body.Error), Message: short(body.Description)}
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(min(seconds, 3600)) * time.Second
	}
	return e
}

// short bounds what of a server's text is shown.
func short(s string) string {
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "..."
	}
	return oneLine(s)
}

// tokenAnswer is RFC 6749 section 5.1's.
type tokenAnswer struct {
	Access    string `json:"access_token"`
	Type      string `json:"token_type"`
	ExpiresIn int64  `json:"expires_in"` // seconds
	Refresh   string `json:"refresh_token"`
	Scope     string `json:"scope"`
}

// signInFlow is one sign-in under way.
type signInFlow struct {
	server            authServer
	clientID          string
	scopes, resources []string

	say  func(text string) // to the person who signs in
	open func(url string) error
	now  func() time.Time
	wait func(ctx context.Context, d time.Duration) error
}

// asked are the parameters of both flows' first request.
func (f *signInFlow) asked() url.Values {
	form := url.Values{"client_id": {f.clientID}}
	if len(f.scopes) > 0 {
		form.Set("scope", strings.Join(f.scopes, " "))
	}
	if len(f.resources) > 0 {
		form["resource"] = f.resources
	}
	return form
}

// redeem asks the token endpoint.
func (f *signInFlow) redeem(ctx context.Context, form url.Values) (signIn, error) {
	form.Set("client_id", f.clientID)
	start := f.now()
	var t tokenAnswer
	if err := request(ctx, http.MethodPost, f.server.TokenURL, form, &t); err != nil {
		return signIn{}, err
	}
	if t.Access == "" || !strings.EqualFold(t.Type, "Bearer") { // RFC 6749 section 7.1
		return signIn{}, errors.New("the server gave no bearer token")
	}
	in := signIn{
		Issuer: f.server.Issuer, ClientID: f.clientID, TokenURL: f.server.TokenURL, RevokeURL: f.server.RevokeURL,
		Resources: f.resources, Scope: t.Scope, Access: t.Access, Refresh: t.Refresh,
	}
	if in.Scope == "" { // RFC 6749 section 5.1: what was asked for
		in.Scope = strings.Join(f.scopes, " ")
	}
	if t.ExpiresIn > 0 {
		in.ExpiresAt = start.Add(time.Duration(min(t.ExpiresIn, 1<<31)) * time.Second).UTC().Truncate(time.Second)
	}
	return in, nil
}

// refusedSignIn tells a person why a flow came to nothing.
func refusedSignIn(what string, err error) error {
	hints := map[string]string{
		"access_denied":          "somebody chose to deny it; run the command again",
		"expired_token":          "it took too long; run the command again",
		"invalid_client":         "check --client-id: the client has to be registered at this server, as a public one",
		"unauthorized_client":    "the client is not registered for this: its grant types lack it",
		"invalid_scope":          "check --scope: the client may ask for its own scopes alone",
		"invalid_target":         "check --resource: the client may ask for its own resources alone",
		"invalid_dpop_proof":     "the client is bound to DPoP keys, which this command has not",
		"invalid_grant":          "run the command again",
		"unsupported_grant_type": "the server does not offer this; try with or without --device",
	}
	if e, ok := errors.AsType[*client.Error](err); ok && e.Code != "" {
		text := e.Code
		if e.Message != "" {
			text += ": " + e.Message
		}
		return fault(hints[e.Code], "%s: %s", what, text)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func waitFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return errInterrupted
	}
}
