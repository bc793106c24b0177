package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/client"
)

// credential is the token of an agent, which is renewed but never begun anew: when its session has been ended, that was meant.
type credential struct {
	auth string // URL of the first-party API
	http *http.Client
	now  func() time.Time

	mu    sync.Mutex // guards what follows, and is held throughout a fetch
	fetch client.Fetch
	held  client.Token
}

// renewalError is why no newer token could be had.
type renewalError struct{ cause error }

func (e *renewalError) Error() string { return "renew the token: " + e.cause.Error() }
func (e *renewalError) Unwrap() error { return e.cause }

// token is one that lives.
func (c *credential) token(ctx context.Context) (client.Token, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if end := c.held.ExpiresAt; c.held.Access != "" && (end.IsZero() || c.now().Add(5*time.Second).Before(end)) {
		return c.held, nil
	}
	return c.next(ctx)
}

// renew gets the next token, whatever the one that is held.
func (c *credential) renew(ctx context.Context) (client.Token, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next(ctx)
}

// next is renew with c.mu held.
func (c *credential) next(ctx context.Context) (client.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	t, err := c.fetch(ctx)
	if err != nil {
		return client.Token{}, &renewalError{err}
	}
	c.held = t
	return t, nil
}

// errNoTicket means that a server gave none: it is no Sandi server, or the URL of its API is another.
var errNoTicket = errors.New("no ticket")

// ticket is what stands in the URL of one handshake, good for one use within seconds (POST /ticket).
func (c *credential) ticket(ctx context.Context) (string, error) {
	t, err := c.token(ctx)
	if err != nil {
		return "", err
	}
	raw, err := c.post(ctx, "/ticket", t.Access)
	if err != nil {
		return "", err
	}
	var answer struct{ Ticket string }
	if json.Unmarshal(raw, &answer) != nil || answer.Ticket == "" {
		return "", errNoTicket
	}
	return answer.Ticket, nil
}

func (c *credential) post(ctx context.Context, path string, bearer client.Secret) (_ []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.auth+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+bearer.Reveal())
	r.Header.Set("Accept", "application/json")
	res, err := c.http.Do(r)
	if e, ok := errors.AsType[*url.Error](err); ok {
		return nil, e.Err
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxInput))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusCreated {
		return nil, refusedBy(res, raw)
	}
	return raw, nil
}

// refusedBy reads an error of the first-party API, whose sentence is msg.
func refusedBy(res *http.Response, raw []byte) error {
	err := refusal(res, raw)
	var body struct{ Msg string }
	if e, ok := errors.AsType[*client.Error](err); ok && json.Unmarshal(raw, &body) == nil {
		e.Message = short(body.Msg)
	}
	return err
}

// byPassword signs in, and keeps the refresh token alone: the password is not needed any more.
func (c *credential) byPassword(ctx context.Context, username string, password client.Secret, otp func(context.Context) (client.Secret, error)) error {
	fetch, err := client.Login(client.LoginConfig{URL: c.auth, Username: username, Password: password, OTP: otp, Base: c.http.Transport})
	if err != nil {
		return err
	}
	if c.held, err = fetch(ctx); err != nil {
		return err
	}
	if c.held.Refresh == "" {
		c.fetch = func(context.Context) (client.Token, error) {
			return client.Token{}, errors.New("the server gave no refresh token")
		}
		return nil
	}
	c.fetch, err = client.Login(client.LoginConfig{URL: c.auth, RefreshToken: c.held.Refresh, Base: c.http.Transport})
	return err
}

// bySignIn takes the tokens that 'sandi login' keeps, and keeps the next ones there.
func (c *credential) bySignIn(file string) error {
	in, err := readSignIn(file)
	if err != nil {
		return err
	}
	c.held = client.Token{Access: client.Secret(in.Access), ExpiresAt: in.ExpiresAt}
	c.fetch = func(ctx context.Context) (client.Token, error) {
		in, err := readSignIn(file) // another command may have refreshed it
		if err != nil {
			return client.Token{}, err
		}
		if in.Access == c.held.Access.Reveal() || !in.live(c.now()) {
			if err := in.refresh(ctx); err != nil {
				return client.Token{}, err
			}
			if err := in.write(file); err != nil {
				return client.Token{}, err
			}
		}
		return client.Token{Access: client.Secret(in.Access), ExpiresAt: in.ExpiresAt}, nil
	}
	return nil
}
