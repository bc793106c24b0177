package api

import (
	"net/http"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/web"
)

// freshFor is how long after a login the second factor may be changed.
const freshFor = 10 * time.Minute

// recoveryCodes is the answer that shows recovery codes, this once.
type recoveryCodes struct {
	Codes []string `json:"recovery_codes"`
	Msg   string   `json:"msg"`
}

// readCode reads the code of the second factor out of the body.
func readCode(w http.ResponseWriter, r *http.Request) (string, error) {
	var in struct {
		OTP string `json:"otp"`
	}
	if err := web.Decode(w, r, &in); err != nil {
		return "", err
	}
	return in.OTP, web.Required("otp", in.OTP)
}

// enrolTOTP makes the secret of an authenticator application, which does not count until it is confirmed.
func (a *API) enrolTOTP(w http.ResponseWriter, r *http.Request) error {
	secret, url, err := a.Accounts.EnrolFactor(r.Context(), guard.Identity(r.Context()).Subject()) // 2, 5, 6
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusCreated, struct { // 7
		Secret string `json:"secret"`
		URL    string `json:"otpauth_url"`
		Msg    string `json:"msg"`
	}{secret, url, a.Web.Sentence(r, "factor_enrolled", nil)})
}

// confirmTOTP makes it count, given a code that it shows.
func (a *API) confirmTOTP(w http.ResponseWriter, r *http.Request) error {
	code, err := readCode(w, r) // 4
	if err != nil {
		return err
	}
	codes, err := a.Accounts.ConfirmFactor(r.Context(), guard.Identity(r.Context()).Subject(), code, from(r)) // 2, 5, 6
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, recoveryCodes{codes, a.Web.Sentence(r, "factor_confirmed", nil)}) // 7
}

// removeTOTP takes it away, given a code of it or a recovery code.
func (a *API) removeTOTP(w http.ResponseWriter, r *http.Request) error {
	code, err := readCode(w, r) // 4
	if err != nil {
		return err
	}
	if err := a.Accounts.RemoveFactor(r.Context(), guard.Identity(r.Context()).Subject(), code, from(r)); err != nil { // 2, 5, 6
		return err
	}
	return web.JSON(w, http.StatusOK, message{a.Web.Sentence(r, "factor_removed", nil)}) // 7
}

// renewRecovery replaces the recovery codes. A login from before the factor was there, by whoever knew the password, is not enough: each of
// them is the factor.
func (a *API) renewRecovery(w http.ResponseWriter, r *http.Request) error {
	codes, err := a.Accounts.RenewRecovery(r.Context(), guard.Identity(r.Context()).Subject(), from(r)) // 2, 5, 6
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, recoveryCodes{codes, a.Web.Sentence(r, "recovery_renewed", nil)}) // 7
}
