package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/sandi-auth/sandi/client"
)

const (
	callbackPath = "/callback"
	// startPath leads to the authorization URL, which holds state and challenge: whoever lists processes sees what a browser is started with.
	startPath = "/start"
	// browserWait is how long a person has to sign in.
	browserWait = 10 * time.Minute
)

// random is 256 bits in 43 characters.
func random() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// byBrowser is the code flow with an answer on loopback (RFC 8252 section 7.3) and PKCE (RFC 7636).
func (f *signInFlow) byBrowser(ctx context.Context) (signIn, error) {
	if f.server.AuthorizeURL == "" {
		return signIn{}, fault("try --device", "the server has no authorization endpoint")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return signIn{}, fmt.Errorf("listen on loopback: %w", err)
	}
	c := &callback{host: l.Addr().String(), issuer: f.server, state: random(), got: make(chan answered, 1)}
	redirect, verifier := "http://"+c.host+callbackPath, random()
	to := f.authorizeURL(redirect, c.state, verifier)
	if f.open != nil {
		c.start.Store(&to)
	}
	h := &http.Server{Handler: c, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = h.Serve(l) // until Shutdown
	}()
	f.invite(to, "http://"+c.host+startPath)
	a := c.await(ctx)
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second) // the browser's page is still being written
	defer cancel()
	if h.Shutdown(end) != nil {
		_ = h.Close()
	}
	<-done
	if a.err != nil {
		return signIn{}, refusedSignIn("sign in", a.err)
	}
	in, err := f.redeem(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {a.code}, "redirect_uri": {redirect}, "code_verifier": {verifier},
	})
	if err != nil {
		return signIn{}, refusedSignIn("redeem the sign-in", err)
	}
	return in, nil
}

// authorizeURL is the address of the sign-in.
func (f *signInFlow) authorizeURL(redirect, state, verifier string) string {
	q := f.asked()
	sum := sha256.Sum256([]byte(verifier))
	for name, value := range map[string]string{
		"response_type": "code", "redirect_uri": redirect, "state": state,
		"code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method": "S256",
	} {
		q.Set(name, value)
	}
	return f.server.AuthorizeURL + "?" + q.Encode()
}

// invite shows the address to open, and opens the one that leads there.
func (f *signInFlow) invite(to, start string) {
	f.say("Open this address in a browser on this machine, and sign in:\n\n  " + to + "\n\n")
	if f.open == nil {
		return
	}
	if err := f.open(start); err != nil {
		f.say("The browser could not be opened (" + oneLine(err.Error()) + "): open the address yourself.\n")
	}
}

// answered is what the browser brought back.
type answered struct {
	code string
	err  error
}

// callback waits for the browser to come back.
type callback struct {
	host   string // of the listener: a page that points its own name here is not heard
	issuer authServer
	state  string
	got    chan answered // one
	start  atomic.Pointer[string]
}

func (c *callback) await(ctx context.Context) answered {
	ctx, cancel := context.WithTimeout(ctx, browserWait)
	defer cancel()
	select {
	case a := <-c.got:
		return a
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return answered{err: &client.Error{Code: "expired_token", Message: "nobody signed in within 10 minutes"}}
		}
		return answered{err: errInterrupted}
	}
}

// ServeHTTP takes the answer of the authorization endpoint. One without our state is a stranger's and ends nothing.
func (c *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Connection", "close")
	q := r.URL.Query()
	if to := c.started(r); to != "" {
		h.Set("Location", to)
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	switch {
	case r.Method != http.MethodGet || r.URL.Path != callbackPath || r.Host != c.host:
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprintln(w, "There is nothing here.")
		return
	case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(c.state)) != 1:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintln(w, "This is not the answer to the sign-in that is under way. Open the address that the terminal shows.")
		return
	}
	a := c.judge(q)
	select {
	case c.got <- a:
	default: // a reload
	}
	if a.err != nil {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintln(w, "You are not signed in. The terminal says why; you may close this page.")
		return
	}
	_, _ = fmt.Fprintln(w, "You may close this page and go back to the terminal.")
}

// started is where the browser is to be sent that was opened at startPath: once, so that nobody who saw that address in a list of processes learns
// more than that somebody signs in.
func (c *callback) started(r *http.Request) string {
	if r.Method != http.MethodGet || r.URL.Path != startPath || r.Host != c.host {
		return ""
	}
	if to := c.start.Swap(nil); to != nil {
		return *to
	}
	return ""
}

func (c *callback) judge(q url.Values) answered {
	iss := q.Get("iss")
	switch {
	case iss != c.issuer.Issuer && (iss != "" || c.issuer.NamesItself): // RFC 9207 section 2.4
		return answered{err: errors.New("the answer came from another server than --issuer names")}
	case q.Get("error") != "":
		return answered{err: &client.Error{Code: short(q.Get("error")), Message: short(q.Get("error_description"))}}
	case q.Get("code") == "":
		return answered{err: errors.New("the server's answer has no code")}
	}
	return answered{code: q.Get("code")}
}

// openBrowser starts what opens addresses on this system, and waits for it: it hands the address over and ends.
func openBrowser(to string) error {
	args := map[string][]string{
		"darwin":  {"open", to},
		"windows": {"rundll32", "url.dll,FileProtocolHandler", to},
	}[runtime.GOOS]
	if args == nil {
		args = []string{"xdg-open", to}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, args[0], args[1:]...).Run()
}
