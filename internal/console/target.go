package console

import (
	"net/url"
)

// target is where a sign-in leads: to an authorization request that waits for it, or to a page of ours. It travels through the forms,
// so it names pages, never addresses: nobody is sent elsewhere by it.
type target struct {
	Request  string
	To       string // a key of targets
	UserCode string // for the device page
}

// targets are the pages that a sign-in may lead to.
var targets = map[string]string{"account": pathAccount, "password": pathPassword, "factor": pathFactor, "device": pathDevice}

// targetOf reads one out of a form; what it does not know is the account page.
func targetOf(f form) target {
	t := target{Request: f.get("request"), To: f.get("to"), UserCode: f.get("user_code")}
	if targets[t.To] == "" {
		t.To = "account"
	}
	return t
}

// targetFor is the page at path, as it was asked for.
func targetFor(path string, f form) target {
	t := target{To: "account"}
	switch path {
	case pathConsent:
		t.Request = f.get("request")
	case pathDevice, pathDecision:
		t.To, t.UserCode = "device", f.get("user_code")
	case pathPassword:
		t.To = "password"
	case pathFactor, pathConfirm, pathRecovery, pathRemove:
		t.To = "factor"
	}
	return t
}

// query is the target as parameters.
func (t target) query() url.Values {
	q := url.Values{}
	if t.Request != "" {
		q.Set("request", t.Request)
		return q
	}
	if t.To != "account" {
		q.Set("to", t.To)
	}
	if t.UserCode != "" {
		q.Set("user_code", t.UserCode)
	}
	return q
}

// at is the address of path with the target.
func (t target) at(path string, more ...string) string {
	q := t.query()
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// signIn is the sign-in page that leads to t.
func (t target) signIn() string { return t.at(pathSignIn) }

// page is the address of a target that is a page of ours.
func (t target) page() string {
	if t.To == "device" && t.UserCode != "" {
		return pathDevice + "?" + url.Values{"user_code": {t.UserCode}}.Encode()
	}
	return targets[t.To]
}
