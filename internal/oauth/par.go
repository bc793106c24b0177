package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
)

const (
	pushPath = "/oauth/par"
	// pushedPrefix begins the request_uri of a pushed request (RFC 9126 section 2.2).
	pushedPrefix = "urn:ietf:params:oauth:request_uri:"
)

// pushes bounds what one client and one network can push.
var pushes = cluster.Rate{Burst: 200, Every: 50 * time.Millisecond}

// push is the pushed authorization request endpoint (RFC 9126).
func (e *Endpoint) push(w http.ResponseWriter, r *http.Request) error {
	f, err := parseBody(w, r) // 1
	if err != nil {
		return err
	}
	network := cluster.Network(web.Address(r.Context()))
	if wait := e.Limits.Take(r.Context(), "push:"+network, pushes); wait > 0 { // 2
		return &problem.Error{Kind: problem.TooMany, Code: "too_many_requests", RetryAfter: wait}
	}
	c, err := e.authenticate(r, f) // 3
	if err != nil {
		return err
	}
	q, err := e.pushable(w, r, c, f) // 4, 5
	if err != nil {
		return err
	}
	name := newValue(pushedPrefix)
	q.Pushed, q.ExpiresAt = name, e.Now().Add(e.PushedLifetime).UTC().Truncate(time.Millisecond)
	document, err := json.Marshal(q)
	if err != nil {
		return err
	}
	// It is kept until the user decides, so that it is spent then and not when the page is loaded (section 7.3); to begin with, it counts
	// until ExpiresAt alone.
	if err := e.Store.KeepRequest(r.Context(), kindPushed, hashOf(name), document, q.ExpiresAt.Add(e.RequestLifetime)); err != nil { // 6
		return err
	}
	return web.JSON(w, http.StatusCreated, struct { // 7
		RequestURI string `json:"request_uri"`
		ExpiresIn  int64  `json:"expires_in"` // seconds
	}{name, int64(e.PushedLifetime / time.Second)})
}

// pushable judges a pushed request as one that comes with the browser (section 2.1).
func (e *Endpoint) pushable(w http.ResponseWriter, r *http.Request, c Client, f form) (q Request, err error) {
	if f.get("request_uri") != "" {
		return q, refuse("invalid_request", "a pushed request holds no request_uri")
	}
	if f.get("request") != "" {
		if id := f.get("client_id"); id != "" && id != c.ID {
			return q, refuse("invalid_request", "client_id is not that of the client that authenticated")
		}
		if f, err = e.openRequestObject(r.Context(), c, f); err != nil {
			return q, err
		}
	}
	if q.answer(c, url.Values(f)); q.RedirectURI == "" {
		return q, refuse("invalid_request", "redirect_uri is missing, or is not one that the client is registered with")
	}
	if err := e.check(c, f, &q); err != nil {
		return q, err
	}
	return q, e.bindCode(w, r, &q)
}

// bindCode takes the key of a DPoP proof for dpop_jkt (RFC 9449 section 10.1).
func (e *Endpoint) bindCode(w http.ResponseWriter, r *http.Request, q *Request) error {
	jkt, err := e.proofKey(w, r, pushPath)
	if err != nil || jkt == "" || q.ResponseType != responseCode {
		return err
	}
	if q.JKT != "" && jkt != q.JKT {
		return refuse("invalid_dpop_proof", "dpop_jkt is not the key of the DPoP proof")
	}
	q.JKT = jkt
	return nil
}

// pushedRequest reads the request that request_uri names, which counts alone: of what stands beside it client_id alone is looked at
// (section 4, RFC 9101 section 6.3). No other URI is ever fetched.
func (e *Endpoint) pushedRequest(ctx context.Context, c Client, values url.Values) (q Request, err error) {
	uris := values["request_uri"]
	if len(uris) != 1 || !strings.HasPrefix(uris[0], pushedPrefix) {
		return q, refuse("invalid_request_uri", "request_uri has to be one from "+pushPath+", sent once")
	}
	spent := refuse("invalid_request_uri", "the request_uri is unknown, expired, used, or another client's")
	document, err := e.Store.Request(ctx, kindPushed, hashOf(uris[0]))
	if errors.Is(err, ErrNotFound) {
		return q, spent
	}
	if err != nil {
		return q, err
	}
	if err := json.Unmarshal(document, &q); err != nil {
		return Request{}, fmt.Errorf("read pushed request: %w", err)
	}
	if q.ClientID != c.ID || !e.Now().Before(q.ExpiresAt) || !c.redirects(q.RedirectURI) {
		return Request{}, spent
	}
	if err := e.stillFits(c, q); err != nil {
		return Request{}, err
	}
	return q, nil
}
