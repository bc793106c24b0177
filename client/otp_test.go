package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/client"
)

// A code of the second factor is asked for when the server wants one, and at no other time; each sign-in asks anew.
func TestSecondFactor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, demand string   // the server's answer to a login without code; empty: it wants none
		codes        []string // what OTP gives, one a call; "error" fails; nil: no OTP is set
		sent         []string // the codes of the logins
		want         string   // of the error
	}{
		{"one factor", "", []string{}, []string{""}, ""},
		{"two factors", "otp_required", []string{"123456"}, []string{"", "123456"}, ""},
		{"two factors and no code", "otp_required", nil, []string{""}, "login: status 401: otp_required"},
		{"wrong code", "otp_required", []string{"000000"}, []string{"", "000000"}, "login: status 401: invalid_otp"},
		{"nobody there", "otp_required", []string{"error"}, []string{""}, "login: second factor: nobody there"},
		{"wrong password", "invalid_credentials", []string{}, []string{""}, "login: status 401: invalid_credentials"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var sent []string
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var in struct {
					Username, Password string
					OTP                *string
				}
				if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Username != "robot" || in.Password != "hunter2" {
					t.Errorf("got %+v, %v", in, err)
				}
				code := ""
				if in.OTP != nil {
					code = *in.OTP
				}
				switch sent = append(sent, code); {
				case code == "" && tt.demand != "":
					fail(w, 401, tt.demand, "")
				case code != "" && code != "123456":
					fail(w, 401, "invalid_otp", "")
				default:
					fmt.Fprint(w, `{"access_token":"a"}`)
				}
			})
			codes := tt.codes
			fetch := newLogin(t, h, func(c *client.LoginConfig) {
				if tt.codes == nil {
					return
				}
				c.OTP = func(context.Context) (client.Secret, error) {
					code := codes[0] // else it was asked for too often
					if codes = codes[1:]; code == "error" {
						return "", errors.New("nobody there")
					}
					return client.Secret(code), nil
				}
			})
			_, err := fetch(t.Context())
			if got := fmt.Sprint(err); tt.want == "" && err != nil || !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if !slices.Equal(sent, tt.sent) || len(codes) != 0 {
				t.Errorf("sent %q, want %q", sent, tt.sent)
			}
		})
	}
}

// A session in cookies begins with a second factor in the same way.
func TestSecondFactorWithCookies(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in map[string]string
		if r.URL.Path != login {
			fmt.Fprint(w, "here")
		} else if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in["otp"] != "123456" {
			fail(w, 401, "otp_required", "")
		} else {
			fmt.Fprint(w, `{"expires_in":900}`)
		}
	})
	transport, err := client.NewCookieTransport(client.CookieConfig{
		URL: authURL, Username: "robot", Password: "hunter2", Base: inMemory{h},
		OTP: func(context.Context) (client.Secret, error) { return "123456", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer transport.Close()
	res, err := (&http.Client{Transport: transport}).Get("https://auth.example/x")
	if status, body := read(t, res, err); status != 200 || body != "here" {
		t.Errorf("got %d %s", status, body)
	}
}
