package oauth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
)

const registerPath = "/oauth/register"

// registrations bounds what one network may ask of the registration endpoint, whatever it shows.
var registrations = cluster.Rate{Burst: 20, Every: 3 * time.Second}

// registrationRoutes mounts dynamic registration where it is open; else each of its paths is 404.
func (e *Endpoint) registrationRoutes(mux *http.ServeMux) {
	if len(e.Registration) == 0 {
		return
	}
	mux.Handle("POST "+registerPath, e.Web.HandleOAuth(e.register))
	mux.Handle("GET "+registerPath+"/{id}", e.Web.HandleOAuth(e.managed(e.readRegistration)))
	mux.Handle("PUT "+registerPath+"/{id}", e.Web.HandleOAuth(e.managed(e.changeRegistration)))
	mux.Handle("DELETE "+registerPath+"/{id}", e.Web.HandleOAuth(e.managed(e.removeRegistration)))
}

// register is client registration (RFC 7591 section 3), for who has the initial access token.
func (e *Endpoint) register(w http.ResponseWriter, r *http.Request) error {
	if err := e.limitRegistration(r); err != nil { // 2
		return err
	}
	token := bearer(r)
	if hash := sha256.Sum256([]byte(token)); subtle.ConstantTimeCompare(hash[:], e.Registration) != 1 { // 3
		return noRegistration(w, token)
	}
	var m clientMetadata
	if err := decodeMetadata(w, r, &m); err != nil { // 1, 4
		return err
	}
	now := e.Now()
	c := Client{Origin: FromRegistration, CreatedAt: now, UpdatedAt: now, ID: newClientID()}
	plain, err := e.apply(m, &c) // 5
	if err != nil {
		return err
	}
	manage := newRandom(registrationPrefix)
	hash := sha256.Sum256([]byte(manage))
	c.RegistrationToken = hash[:]
	err = e.Store.AddClient(r.Context(), c, registrationEvent(r, audit.ClientAdded, c.ID)) // 6
	for tries := 1; errors.Is(err, ErrClientTaken) && tries < 3; tries++ {
		c.ID = newClientID()
		err = e.Store.AddClient(r.Context(), c, registrationEvent(r, audit.ClientAdded, c.ID))
	}
	if err != nil {
		return err
	}
	e.Clients.forget(c.ID)
	return web.JSON(w, http.StatusCreated, e.registered(c, plain, manage)) // 7
}

// managed is what a registered client may do with its own registration (RFC 7592 section 2): known by its registration access token, which is
// of no use for any other client nor for one that is gone.
func (e *Endpoint) managed(do func(w http.ResponseWriter, r *http.Request, c Client, token string) error) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := e.limitRegistration(r); err != nil {
			return err
		}
		id, token := r.PathValue("id"), bearer(r)
		var c Client
		if checkID(id) == "" && !e.Clients.IsConfigured(id) {
			var err error
			if c, err = e.Store.Client(r.Context(), id); err != nil && !errors.Is(err, ErrNoClient) { // fresh, for its Version
				return err
			}
		}
		hash := sha256.Sum256([]byte(token))
		same := subtle.ConstantTimeCompare(hash[:], c.RegistrationToken)
		if same != 1 || c.Origin != FromRegistration {
			return noRegistration(w, token)
		}
		return do(w, r, c, token)
	}
}

func (e *Endpoint) readRegistration(w http.ResponseWriter, _ *http.Request, c Client, token string) error {
	return web.JSON(w, http.StatusOK, e.registered(c, "", token))
}

// changeRegistration replaces the metadata (RFC 7592 section 2.2). What an operator set meanwhile in favour of the client does not outlive it;
// resources and lifetimes, which it cannot set itself, do, and so does every restriction: the answer says which.
func (e *Endpoint) changeRegistration(w http.ResponseWriter, r *http.Request, c Client, token string) error {
	var m clientMetadata
	if err := decodeMetadata(w, r, &m); err != nil {
		return err
	}
	now := e.Now()
	switch {
	case m.ID != c.ID:
		return refuse("invalid_client_metadata", "client_id must be that of the registration")
	case m.Secret != "" && !c.hasSecret(m.Secret, now):
		return refuse("invalid_client_metadata", "client_secret is not the client's: it cannot be chosen")
	}
	next := Client{
		ID: c.ID, Origin: c.Origin, Secrets: c.Secrets, RegistrationToken: c.RegistrationToken, CreatedAt: c.CreatedAt, UpdatedAt: now, Version: c.Version,
		Resources: c.Resources, Access: c.Access, Idle: c.Idle, Absolute: c.Absolute, FAPI: c.FAPI,
	}
	m.DPoPBound, m.TLSBound = m.DPoPBound || c.DPoPBound, m.TLSBound || c.TLSBound
	m.RequirePushed, m.RequireSignedRequest = m.RequirePushed || c.RequirePushed, m.RequireSignedRequest || c.RequireSignedRequest
	plain, err := e.apply(m, &next)
	if err != nil {
		return err
	}
	err = e.Store.ChangeClient(r.Context(), next, registrationEvent(r, audit.ClientChanged, c.ID))
	switch {
	case errors.Is(err, ErrNoClient):
		return noRegistration(w, token)
	case errors.Is(err, ErrChanged):
		return &problem.Error{Kind: problem.Conflict, Code: "invalid_request", Description: "the registration was changed at the same time: read it again"}
	case err != nil:
		return err
	}
	e.Clients.forget(c.ID)
	return web.JSON(w, http.StatusOK, e.registered(next, plain, token))
}

// removeRegistration ends the client, its sessions and its tokens (RFC 7592 section 2.3).
func (e *Endpoint) removeRegistration(w http.ResponseWriter, r *http.Request, c Client, token string) error {
	err := e.Store.RemoveClient(r.Context(), c.ID, registrationEvent(r, audit.ClientRemoved, c.ID))
	if errors.Is(err, ErrNoClient) {
		return noRegistration(w, token)
	}
	if err != nil {
		return err
	}
	e.Clients.forget(c.ID)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (e *Endpoint) limitRegistration(r *http.Request) error {
	if wait := e.Limits.Take(r.Context(), "register "+cluster.Network(web.Address(r.Context())), registrations); wait > 0 {
		return &problem.Error{Kind: problem.TooMany, Code: "temporarily_unavailable", RetryAfter: wait, Description: "too many registrations from this network"}
	}
	return nil
}

func registrationEvent(r *http.Request, action audit.Action, id string) audit.Event {
	detail := map[string]string{"client_id": id, "origin": FromRegistration}
	if action == audit.ClientChanged {
		detail["what"] = "metadata"
	}
	return audit.Event{Action: action, Detail: detail, From: from(r)}
}

// bearer is the token of an Authorization header, "" where there is none.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if len(r.Header["Authorization"]) != 1 || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimLeft(token, " ")
}

// noRegistration is 401 (RFC 7592 section 2): the same for a wrong token, another client's, and a client that is not there.
func noRegistration(w http.ResponseWriter, token string) error {
	challenge := "Bearer"
	if token != "" {
		challenge += ` error="invalid_token"`
	}
	w.Header().Set("WWW-Authenticate", challenge)
	p := refuse("invalid_token", "send the access token of registration as Bearer")
	p.Kind = problem.Unauthenticated
	return p
}

// newClientID is 128 random bits, which no user has as a name.
func newClientID() string {
	var b [16]byte
	rand.Read(b[:])
	return "dyn-" + base64.RawURLEncoding.EncodeToString(b[:])
}
