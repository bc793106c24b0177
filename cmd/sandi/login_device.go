package main

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/sandi-auth/sandi/client"
)

// maxPoll is the longest time between two polls while the server does not answer.
const maxPoll = time.Minute

// byDevice is the device flow (RFC 8628).
func (f *signInFlow) byDevice(ctx context.Context) (signIn, error) {
	if f.server.DeviceURL == "" {
		return signIn{}, fault("try without --device", "the server has no device authorization endpoint")
	}
	var d struct {
		Code      string `json:"device_code"`
		UserCode  string `json:"user_code"`
		URL       string `json:"verification_uri"`
		Complete  string `json:"verification_uri_complete"`
		ExpiresIn int64  `json:"expires_in"` // seconds
		Interval  int64  `json:"interval"`   // seconds
	}
	if err := request(ctx, http.MethodPost, f.server.DeviceURL, f.asked(), &d); err != nil {
		return signIn{}, refusedSignIn("begin the sign-in", err)
	}
	if d.Code == "" || d.UserCode == "" || d.URL == "" {
		return signIn{}, errors.New("begin the sign-in: the server gave no code")
	}
	text := "On any device open\n\n  " + oneLine(d.URL) + "\n\nand type in the code  " + oneLine(d.UserCode) + "\n"
	if d.Complete != "" {
		text += "or open  " + oneLine(d.Complete) + "\nand compare the code.\n"
	}
	f.say(text + "\n")
	interval := min(time.Duration(cmp.Or(d.Interval, 5))*time.Second, maxPoll)
	until := f.now().Add(time.Duration(min(cmp.Or(d.ExpiresIn, 600), 3600)) * time.Second)
	return f.poll(ctx, d.Code, interval, until)
}

// poll asks until the user has decided (RFC 8628 section 3.5).
func (f *signInFlow) poll(ctx context.Context, code string, interval time.Duration, until time.Time) (signIn, error) {
	for f.now().Before(until) {
		if err := f.wait(ctx, interval); err != nil {
			return signIn{}, err
		}
		in, err := f.redeem(ctx, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {code}})
		if err == nil {
			return in, nil
		}
		e, answered := errors.AsType[*client.Error](err)
		switch {
		case ctx.Err() != nil:
			return signIn{}, errInterrupted
		case answered && e.Code == "authorization_pending":
		case answered && e.Code == "slow_down":
			interval += 5 * time.Second
		case !answered:
			interval = min(2*interval, maxPoll)
		case e.Status >= 500, e.Status == http.StatusTooManyRequests:
			interval = max(min(2*interval, maxPoll), e.RetryAfter)
		default:
			return signIn{}, refusedSignIn("sign in", err)
		}
	}
	return signIn{}, refusedSignIn("sign in", &client.Error{Code: "expired_token"})
}
