package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
)

const (
	pageDevice = "/device"
	// pollEvery is the least time between two polls of a device code, at first (RFC 8628 section 3.2).
	pollEvery    = 5 * time.Second
	devicePrefix = "sdd_"

	// userLetters are those of RFC 8628 section 6.1: no vowels, so no words; none that is read as another. Eight of them are 2.56e10 codes.
	userLetters  = "BCDFGHJKLMNPQRSTVWXZ"
	userCodeSize = 8
)

var (
	// deviceStarts bounds the rows that one network makes.
	deviceStarts = cluster.Rate{Burst: 30, Every: 2 * time.Second}
	// deviceTries slow down who guesses user codes, so that about fifteen tries fall into the life of one (RFC 8628 section 5.1).
	deviceTries = cluster.Backoff{Free: 5, Base: time.Second, Max: 15 * time.Minute, Forget: time.Hour}
)

// deviceAnswer is RFC 8628 section 3.2's.
type deviceAnswer struct {
	DeviceCode      string `json:"device_code"`
	UserCode        string `json:"user_code"`
	VerificationURI string `json:"verification_uri"`
	Complete        string `json:"verification_uri_complete"`
	ExpiresIn       int64  `json:"expires_in"` // seconds
	Interval        int64  `json:"interval"`   // seconds
}

// deviceAuthorization begins a device authorization (RFC 8628 section 3.1).
func (e *Endpoint) deviceAuthorization(w http.ResponseWriter, r *http.Request) error {
	f, err := parseBody(w, r) // 1
	if err != nil {
		return err
	}
	if wait := e.Limits.Take(r.Context(), "device authorization "+cluster.Network(web.Address(r.Context())), deviceStarts); wait > 0 { // 2
		return &problem.Error{
			Kind: problem.TooMany, Code: "temporarily_unavailable", RetryAfter: wait,
			Description: "too many device authorizations from this network: wait as Retry-After says",
		}
	}
	c, err := e.authenticate(r, f) // 3
	if err != nil {
		return err
	}
	if !c.MayUse(GrantDevice) { // 5
		return refuse("unauthorized_client", "the client may not use the device grant: its grant_types lack "+GrantDevice)
	}
	scope, resources, err := e.Policy.target(c, f.list("scope"), f["resource"], e.Audience) // 4, 5
	if err != nil {
		return err
	}
	code, d, err := e.beginDevice(r.Context(), Device{ClientID: c.ID, Scope: scope, Resources: resources}) // 6
	if err != nil {
		return err
	}
	shown := d.UserCode[:4] + "-" + d.UserCode[4:]
	w.Header().Set("Cache-Control", "no-store")
	return web.JSON(w, http.StatusOK, deviceAnswer{ // 7
		DeviceCode: code, UserCode: shown, VerificationURI: e.Issuer + pageDevice,
		Complete:  e.Issuer + pageDevice + "?" + url.Values{"user_code": {shown}}.Encode(),
		ExpiresIn: int64(e.DeviceLifetime / time.Second), Interval: int64(pollEvery / time.Second),
	})
}

// beginDevice keeps d under new codes.
func (e *Endpoint) beginDevice(ctx context.Context, d Device) (code string, _ Device, err error) {
	d.State, d.Interval, d.ExpiresAt = DevicePending, pollEvery, e.Now().Add(e.DeviceLifetime).UTC().Truncate(time.Millisecond)
	for range 3 { // a user code that another device shows just now is rarer than one in a million
		code, d.UserCode = newRandom(devicePrefix), newUserCode()
		if err = e.Store.AddDevice(ctx, hashOf(code), hashOf(d.UserCode), d); !errors.Is(err, ErrChanged) {
			break
		}
	}
	return code, d, err
}

func newUserCode() string {
	const fair = 256 / len(userLetters) * len(userLetters) // above it the first letters would be more frequent
	var code []byte
	for b := make([]byte, 1); len(code) < userCodeSize; {
		if rand.Read(b); int(b[0]) < fair {
			code = append(code, userLetters[int(b[0])%len(userLetters)])
		}
	}
	return string(code)
}

// readUserCode is what a person typed, in any case and with whatever between the letters (RFC 8628 section 6.1); false where it is no code.
func readUserCode(typed string) (code string, ok bool) {
	if len(typed) > 64 {
		return "", false
	}
	code = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -_.,:;/\t", r) {
			return -1
		}
		return r
	}, strings.ToUpper(typed))
	return code, len(code) == userCodeSize && strings.Trim(code, userLetters) == ""
}

// DeviceRequest is the device authorization that waits under a user code, and who asks: to be shown, and confirmed by a click even where a link
// brought the code (RFC 8628 sections 3.3.1 and 5.4). problem.NotFound with code user_code_unknown where nothing waits; wrong codes make the next
// tries wait, from the same network or by the same user (too_many_attempts).
func (e *Endpoint) DeviceRequest(r *http.Request, userCode string) (Device, Client, error) {
	s, ok, err := e.SignedIn(r)
	if err != nil {
		return Device{}, Client{}, err
	}
	who := ""
	if ok {
		who = s.User.Subject
	}
	return e.waiting(r, userCode, who)
}

// waiting counts a try of a user code before it is looked up.
func (e *Endpoint) waiting(r *http.Request, userCode, subject string) (d Device, c Client, err error) {
	ctx := r.Context()
	keys := []string{"user code from " + cluster.Network(web.Address(ctx))}
	if subject != "" {
		keys = append(keys, "user code by "+subject)
	}
	undo := func(counted []string) {
		for _, key := range counted {
			e.Limits.Undo(ctx, key)
		}
	}
	for i, key := range keys {
		if wait := e.Limits.Try(ctx, key, deviceTries); wait > 0 {
			undo(keys[:i])
			return d, c, &problem.Error{Kind: problem.TooMany, Code: "too_many_attempts", RetryAfter: wait}
		}
	}
	unknown := problem.Wrap(problem.NotFound, "user_code_unknown", ErrNotFound)
	code, ok := readUserCode(userCode)
	if !ok {
		return d, c, unknown
	}
	d, err = e.Store.DeviceByUserCode(ctx, hashOf(code))
	if errors.Is(err, ErrNotFound) {
		return d, c, unknown
	}
	undo(keys)
	if err != nil {
		return d, c, err
	}
	if c, err = e.Clients.Client(ctx, d.ClientID); errors.Is(err, ErrNoClient) {
		err = unknown
	}
	return d, c, err
}

// ApproveDevice lets the device have tokens of the user that is signed in. Errors are DeviceRequest's; of several decisions the first counts.
func (e *Endpoint) ApproveDevice(r *http.Request, userCode string, s SignIn) error {
	return e.decideDevice(r, userCode, s, DeviceApproved, audit.DeviceApproved)
}

// DenyDevice refuses the device, which is told so. Errors are ApproveDevice's.
func (e *Endpoint) DenyDevice(r *http.Request, userCode string, s SignIn) error {
	return e.decideDevice(r, userCode, s, DeviceDenied, audit.DeviceDenied)
}

func (e *Endpoint) decideDevice(r *http.Request, userCode string, s SignIn, state string, action audit.Action) error {
	d, c, err := e.waiting(r, userCode, s.User.Subject)
	if err != nil {
		return err
	}
	d.State = state
	d.Subject, d.CredentialVersion = s.User.Subject, s.Session.CredentialVersion
	d.AuthTime, d.AMR, d.ACR = s.Session.AuthTime, s.Session.AMR, s.Session.ACR
	event := audit.Event{
		Action: action, Subject: d.Subject, Session: s.Session.ID.String(), From: from(r),
		Detail: map[string]string{"client_id": c.ID, "scope": strings.Join(d.Scope, " ")},
	}
	event.From.Actor = d.Subject
	err = e.Store.DecideDevice(r.Context(), hashOf(d.UserCode), d, event)
	if errors.Is(err, ErrNotFound) { // decided in another tab, or expired since
		return problem.Wrap(problem.NotFound, "user_code_unknown", err)
	}
	return err
}
