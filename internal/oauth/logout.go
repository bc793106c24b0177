package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
)

const logoutPath = "/oauth/logout"

// logoutRequest is what a client asks for at the end-session endpoint, as far as it was found to be true.
type logoutRequest struct {
	ClientID    string    `json:"client_id,omitempty"`
	SignIn      string    `json:"sid,omitempty"` // of the ID token that was shown
	RedirectURI string    `json:"post_logout_redirect_uri,omitempty"`
	Stranger    bool      `json:"stranger,omitempty"` // the client registered itself: where it leads the user decides
	State       string    `json:"state,omitempty"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// PendingLogout is a logout that waits for the user to confirm it.
type PendingLogout struct {
	ID string
	// Client asks for it; its ID is empty where none said who it is.
	Client Client
}

// endSession is the end-session endpoint (OpenID Connect RP-Initiated Logout 1.0 section 2). An ID token of the browser's own sign-in
// ends that at once, with all grants made from it; anybody else could have made the browser come here, so that the user is asked, and so is who is
// not signed in before a client that registered itself gets the browser (RFC 9700 section 4.11.2). Nothing but a
// URI that the client has registered is ever redirected to; what else is wrong with a request makes it one without a client.
func (e *Endpoint) endSession(w http.ResponseWriter, r *http.Request) error {
	q, err := e.readLogout(r)
	if err != nil {
		return err
	}
	in, ok, err := e.SignedIn(r)
	if err != nil {
		return err
	}
	own := ok && q.SignIn == in.Session.ID.String()
	if ok && !own || !ok && q.RedirectURI != "" && q.Stranger {
		id, err := e.holdLogout(r, q)
		if err != nil {
			return err
		}
		return e.goOn(w, r, pageSignOut+"?request="+id)
	}
	if err := e.SignOut(w, r); err != nil {
		return err
	}
	return e.goOn(w, r, q.after())
}

// endSessionPosted takes the parameters as a form, keeps what they say, and has the browser come back by GET: with a form from another
// site its cookie does not come.
func (e *Endpoint) endSessionPosted(w http.ResponseWriter, r *http.Request) error {
	f, err := parseBody(w, r)
	if err != nil {
		return err
	}
	q, err := e.judgeLogout(r.Context(), f)
	if err != nil {
		return err
	}
	id, err := e.holdLogout(r, q)
	if err != nil {
		return err
	}
	w.Header().Set("Location", logoutPath+"?request="+id)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

func (e *Endpoint) readLogout(r *http.Request) (logoutRequest, error) {
	f, err := parseForm(r.URL.RawQuery)
	if err != nil {
		return logoutRequest{}, err
	}
	if id := f.get("request"); id != "" {
		return e.heldLogout(r.Context(), id)
	}
	return e.judgeLogout(r.Context(), f)
}

// judgeLogout finds out who asks. An ID token names its client; without one client_id does, which everybody can say. Where both are
// there they have to fit.
func (e *Endpoint) judgeLogout(ctx context.Context, f form) (q logoutRequest, err error) {
	id := f.get("client_id")
	if hint := f.get("id_token_hint"); hint != "" {
		t, err := e.readHint(hint)
		if err != nil || len(t.Audience) != 1 || id != "" && id != t.Audience[0] {
			return q, nil
		}
		id, q.SignIn = t.Audience[0], t.SignIn
	}
	c, err := e.Clients.Client(ctx, id)
	if errors.Is(err, ErrNoClient) {
		return logoutRequest{}, nil
	}
	if err != nil {
		return q, err
	}
	q.ClientID, q.Stranger = c.ID, c.Origin == FromRegistration
	if uri := f.get("post_logout_redirect_uri"); slices.Contains(c.PostLogoutRedirectURIs, uri) && len(f.get("state")) <= maxState {
		q.RedirectURI, q.State = uri, f.get("state")
	}
	return q, nil
}

// after is where the browser goes when it is signed out.
func (q logoutRequest) after() string {
	if q.RedirectURI == "" {
		return pageSignOut
	}
	if q.State == "" {
		return q.RedirectURI
	}
	sep := "?"
	if strings.Contains(q.RedirectURI, "?") {
		sep = "&"
	}
	return q.RedirectURI + sep + "state=" + url.QueryEscape(q.State)
}

func (e *Endpoint) holdLogout(r *http.Request, q logoutRequest) (id string, err error) {
	if wait := e.Limits.Take(r.Context(), "authorize:"+cluster.Network(web.Address(r.Context())), pendings); wait > 0 {
		return "", &problem.Error{Kind: problem.TooMany, Code: "too_many_attempts", RetryAfter: wait}
	}
	q.ExpiresAt = e.Now().Add(e.RequestLifetime).UTC().Truncate(time.Millisecond)
	document, err := json.Marshal(q)
	if err != nil {
		return "", err
	}
	id = newValue("")
	return id, e.Store.KeepRequest(r.Context(), kindLogout, hashOf(id), document, q.ExpiresAt)
}

func (e *Endpoint) heldLogout(ctx context.Context, id string) (q logoutRequest, err error) {
	document, err := e.Store.Request(ctx, kindLogout, hashOf(id))
	if errors.Is(err, ErrNotFound) {
		return q, errExpired(err)
	}
	if err != nil {
		return q, err
	}
	if err := json.Unmarshal(document, &q); err != nil {
		return q, fmt.Errorf("read pending logout: %w", err)
	}
	return q, nil
}

// PendingLogout reads the logout that waits under id: problem.NotFound with code request_expired where there is none.
func (e *Endpoint) PendingLogout(r *http.Request, id string) (PendingLogout, error) {
	q, err := e.heldLogout(r.Context(), id)
	if err != nil {
		return PendingLogout{}, err
	}
	p := PendingLogout{ID: id}
	if q.ClientID != "" {
		p.Client, err = e.Clients.Client(r.Context(), q.ClientID)
		if errors.Is(err, ErrNoClient) {
			err = nil
		}
	}
	return p, err
}

// ApproveLogout signs the browser out, and sends it back to the client, where that may be.
func (e *Endpoint) ApproveLogout(w http.ResponseWriter, r *http.Request, id string) error {
	q, err := e.heldLogout(r.Context(), id)
	if err != nil {
		return err
	}
	if err := e.SignOut(w, r); err != nil {
		return err
	}
	if err := e.Store.DropRequest(r.Context(), kindLogout, hashOf(id)); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return e.goOn(w, r, q.after())
}
