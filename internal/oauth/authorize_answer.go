package oauth

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
)

// codeTerms are what a code is made for beside the request.
type codeTerms struct {
	scope   []string    // granted
	pending Hash        // the request that waited for its user; zero: none did
	consent *Consent    // to be remembered; nil: there is nothing new
	event   audit.Event // of the consent
}

// grantCode makes the code (or, for the implicit grant, the token) and says where to take it. ErrNotFound: the request was answered before.
func (e *Endpoint) grantCode(r *http.Request, c Client, q *Request, in SignIn, t codeTerms) (string, error) {
	if t.consent != nil {
		t.consent.Resources = q.Resources
	}
	code, err := e.addCode(r.Context(), c, q, in, t)
	if err != nil {
		return "", err
	}
	if q.ResponseType == responseToken {
		return e.implicit(r, c, q, code)
	}
	return q.location(e.Issuer, "code", code), nil
}

// addCode is the one write of an authorization.
func (e *Endpoint) addCode(ctx context.Context, c Client, q *Request, in SignIn, t codeTerms) (string, error) {
	code, life := newValue("sdc_"), e.CodeLifetime
	if c.FAPI {
		life = min(life, time.Minute) // FAPI 2.0 section 5.3.2.1-11
	}
	var pushed Hash
	if q.Pushed != "" {
		pushed = hashOf(q.Pushed)
	}
	return code, e.Store.AddCode(ctx, hashOf(code), Code{
		ClientID: q.ClientID, RedirectURI: q.RedirectURI, RedirectSent: q.RedirectSent, Challenge: q.Challenge, JKT: q.JKT,
		Nonce: q.Nonce, Scope: t.scope, Resources: q.Resources, Claims: q.Claims,
		SignIn: in.Session.ID, Subject: in.User.Subject, CredentialVersion: in.User.CredentialVersion,
		AuthTime: in.Session.AuthTime, AMR: in.Session.AMR, ACR: in.Session.ACR, ExpiresAt: e.Now().Add(life),
	}, t.pending, pushed, t.consent, t.event)
}

// location is the redirect URI with an answer in it: pairs of names and values, then state as it came, then iss (RFC 9207). A query
// that the URI has itself is kept as it is (RFC 6749 section 3.1.2).
func (q *Request) location(issuer string, pairs ...string) string {
	if q.State != "" {
		pairs = append(pairs, "state", q.State)
	}
	pairs = append(pairs, "iss", issuer)
	sep := "?"
	switch {
	case q.ResponseType == responseToken:
		sep = "#"
	case strings.HasSuffix(q.RedirectURI, "?"):
		sep = ""
	case strings.Contains(q.RedirectURI, "?"):
		sep = "&"
	}
	var b strings.Builder
	b.WriteString(q.RedirectURI)
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString(sep + url.QueryEscape(pairs[i]) + "=" + url.QueryEscape(pairs[i+1]))
		sep = "&"
	}
	return b.String()
}

// failure is the redirect URI with an error in it (RFC 6749 section 4.1.2.1). What is our fault says no more than that.
func (e *Endpoint) failure(q Request, err error) string {
	p := problem.From(err)
	switch p.Kind {
	case problem.Internal:
		return q.location(e.Issuer, "error", "server_error")
	case problem.Unavailable:
		return q.location(e.Issuer, "error", "temporarily_unavailable")
	}
	pairs := []string{"error", p.Code}
	if p.Description != "" {
		pairs = append(pairs, "error_description", printable(p.Description))
	}
	return q.location(e.Issuer, pairs...)
}

// printable is s with the characters alone that error_description may have (RFC 6749 section 4.1.2.1).
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return '?'
		}
		return c
	}, s)
}

// failClient tells the client what is wrong with its request. A client that registered itself is nobody that the server's owner
// trusts: its wrong requests would make an open redirector of the server, so that the user is shown where the way leads, and
// decides (RFC 9700 section 4.11.2); silent requests alone are answered as the protocol has it.
func (e *Endpoint) failClient(w http.ResponseWriter, r *http.Request, c Client, q Request, err error) error {
	if errors.Is(err, problem.TooMany) {
		return err
	}
	e.Web.Note(r, problem.From(err))
	to := e.failure(q, err)
	if c.Origin == FromRegistration && !slices.Contains(q.Prompt, "none") {
		return e.offerWay(w, r, c, to, problem.From(err))
	}
	return e.goOn(w, r, to)
}

var wayBody = template.Must(template.New("way").Parse(
	`<p>{{.Sentence}}</p><p class="quiet" lang="en">{{.Client}}: {{.Code}} {{.Description}}</p><p><a href="{{.To}}" rel="noreferrer">{{.Link}}</a></p>`))

// offerWay shows an error with a link to the client that is to know it.
func (e *Endpoint) offerWay(w http.ResponseWriter, r *http.Request, c Client, to string, p *problem.Error) error {
	var body bytes.Buffer
	err := wayBody.Execute(&body, map[string]any{
		"Sentence": e.Web.Sentence(r, "authorize_refused", nil), "Client": cmp.Or(c.Name, c.ID), "Code": p.Code, "Description": p.Description,
		"To": template.URL(to), "Link": to[:len(to)-len(afterHost(to))],
	})
	if err != nil {
		return err
	}
	e.Web.Page(w, r, web.Page{Status: http.StatusBadRequest, Title: e.Web.Sentence(r, "page_failed", nil), Body: template.HTML(body.String())})
	return nil
}

// afterHost is what of a URI follows its scheme and host.
func afterHost(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		return rest[i:]
	}
	return ""
}
