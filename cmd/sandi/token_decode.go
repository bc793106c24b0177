package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/jwt"
)

func (a *app) tokenDecodeCommand() *cobra.Command {
	var file string
	var asJSON bool
	c := &cobra.Command{
		Use:   "decode",
		Short: "Show what a token says, without verifying it",
		Long: `Show header and claims of a token, with times in RFC 3339 beside Unix seconds.
Nothing is verified: anybody could have written such a token.`,
		Example: `  echo "$TOKEN" | sandi token decode
  sandi token decode --file token.txt --json`,
		Args: noToken,
	}
	c.Flags().StringVar(&file, "file", "", "read the token from this `file`")
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, _ []string) error {
		token, err := a.readToken(cmd.Context(), file)
		if err != nil {
			return err
		}
		header, claims, err := jwt.DecodeUnverified(token)
		if err != nil {
			return notJWT(token, err)
		}
		return a.printDecoded(asJSON, header, claims)
	})
}

func (a *app) printDecoded(asJSON bool, header, claims []byte) error {
	if asJSON {
		return a.json(struct {
			Verified bool              `json:"verified"` // always false
			Header   json.RawMessage   `json:"header"`
			Claims   json.RawMessage   `json:"claims"`
			Times    map[string]string `json:"times"`
		}{false, header, claims, times(claims)})
	}
	head, err := a.members("Header", header)
	if err != nil {
		return err
	}
	body, err := a.members("Claims", claims)
	if err != nil {
		return err
	}
	return a.print("NOT VERIFIED: anybody could have written this. To verify it: sandi token verify\n\n" + head + "\n" + body)
}

// notJWT explains what cannot be decoded.
func notJWT(token string, err error) error {
	if strings.HasPrefix(token, "sdr_") {
		return fault("it is opaque: only the server that issued it can tell what it stands for", "this is a refresh token of Sandi, not a JWT")
	}
	return fault("a JWT is three base64url parts with dots between them", "%s", strings.TrimPrefix(err.Error(), "jwt: "))
}

// members lists the members of a JSON object in their order, one a line.
func (a *app) members(title string, object []byte) (string, error) {
	var b strings.Builder
	b.WriteString(title + "\n")
	err := eachMember(object, func(name string, value json.RawMessage) error {
		var compact bytes.Buffer
		if err := json.Compact(&compact, value); err != nil {
			return err
		}
		fmt.Fprintf(&b, "  %-10s  %s", oneLine(name), escapeJSON(compact.String()))
		if t, ok := dateOf(name, value); ok {
			fmt.Fprintf(&b, "  %s (%s)", t.Format(time.RFC3339), distance(t.Sub(a.now())))
		}
		b.WriteByte('\n')
		return nil
	})
	return b.String(), err
}

// times are the claims that are dates, in RFC 3339.
func times(claims []byte) map[string]string {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(claims, &values); err != nil {
		return nil
	}
	out := map[string]string{}
	for name, value := range values {
		if t, ok := dateOf(name, value); ok {
			out[name] = t.Format(time.RFC3339)
		}
	}
	return out
}

// dateOf reads a claim that by its name is a NumericDate (RFC 7519 section 2).
func dateOf(name string, value json.RawMessage) (time.Time, bool) {
	switch name {
	case "exp", "nbf", "iat", "auth_time", "updated_at":
	default:
		return time.Time{}, false
	}
	var seconds float64
	const last = 253402300799 // the end of the year 9999, where RFC 3339 ends
	if json.Unmarshal(value, &seconds) != nil || seconds < 0 || seconds > last {
		return time.Time{}, false
	}
	return time.Unix(int64(math.Floor(seconds)), 0).UTC(), true
}

// distance is how far a time lies ahead or back.
func distance(d time.Duration) string {
	words := func(d time.Duration) string {
		switch {
		case d < 2*time.Minute:
			return plural(int(d/time.Second), "second")
		case d < 2*time.Hour:
			return plural(int(d/time.Minute), "minute")
		case d < 48*time.Hour:
			return plural(int(d/time.Hour), "hour")
		}
		return plural(int(d/(24*time.Hour)), "day")
	}
	switch {
	case d.Abs() < time.Second:
		return "now"
	case d < 0:
		return words(-d) + " ago"
	}
	return "in " + words(d)
}
