package interop_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A real Flask-JWT-Extended service beside guard.FlaskCompat.
func TestFlaskCompat(t *testing.T) {
	t.Parallel()
	s := startFlask(t)
	for name, test := range map[string]func(*flaskService, *testing.T){
		"answers":             (*flaskService).sameAnswers,
		"issuer and audience": (*flaskService).issuerAnswers,
		"cookies":             (*flaskService).itsCookies,
		"tokens of Sandi":     (*flaskService).takesOurTokens,
	} {
		t.Run(name, func(t *testing.T) {
			its := *s
			its.tb = t
			test(&its, t)
		})
	}
}

// The same request to both: the same status and the same body, or the difference is known.
func (s *flaskService) sameAnswers(t *testing.T) {
	k := s.tokens()
	rows := k.headerAnswers()
	maps.Copy(rows, k.placeAnswers())
	for name, row := range rows {
		want, flask := asBody(row.want), asBody(cmp.Or(row.flask, row.want))
		if got := s.send(s.ours["hs256"].URL, row.request); got != want {
			t.Errorf("%s:\nguard answers %s\nwant          %s", name, got, want)
		}
		if got := s.send(s.url+"hs256", row.request); got != flask {
			t.Errorf("%s:\nFlask answers %s\nwant          %s", name, got, flask)
		}
		if (row.flask == "") != (row.why == "") || row.flask == row.want {
			t.Errorf("%s: a difference needs its reason, and a reason its difference", name)
		}
	}
	t.Logf("%d requests", len(rows))
}

// asBody makes "401 Token has expired" what send returns for it.
func asBody(want string) string {
	status, text, ok := strings.Cut(want, " ")
	if !ok || text[0] == '{' {
		return want
	}
	var body strings.Builder
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(map[string]string{"msg": text}); err != nil {
		panic(err)
	}
	return status + " " + strings.TrimSpace(body.String())
}

// issuerAnswers are those of an application that names its issuer and audience.
func (s *flaskService) issuerAnswers(t *testing.T) {
	for name, row := range map[string]struct {
		changes map[string]any
		want    string
	}{
		"good":                    {nil, `200 {"sub":"user1"}`},
		"list":                    {map[string]any{"aud": []string{"x", audience}}, `200 {"sub":"user1"}`},
		"other audience":          {map[string]any{"aud": "x"}, "422 Invalid audience"},
		"no audience":             {map[string]any{"aud": nil}, `422 Token is missing the "aud" claim`},
		"other issuer":            {map[string]any{"iss": "x"}, "422 Invalid issuer"},
		"no issuer":               {map[string]any{"iss": nil}, `422 Token is missing the "iss" claim`},
		"expired, other audience": {map[string]any{"aud": "x", "exp": time.Now().Add(-time.Hour).Unix()}, "422 Invalid audience"},
	} {
		for _, app := range []string{"es256", "rs256"} {
			q := request{header: bearer(s.sign(app, "JWT", row.changes))}
			for whose, base := range map[string]string{"Flask": s.url + app, "guard": s.ours[app].URL} {
				if got := s.send(base, q); got != asBody(row.want) {
					t.Errorf("%s, %s: %s answers %s, want %s", app, name, whose, got, row.want)
				}
			}
		}
	}
	for _, app := range []string{"es256", "rs256"} {
		q := request{need: "fresh", header: bearer(s.mint(app, map[string]any{"fresh": true}))}
		if got := s.send(s.ours[app].URL, q); got != `200 {"sub":"user1"}` {
			t.Errorf("%s: guard answers %s to Flask's token", app, got)
		}
	}
}

// The cookies that a service sets are what guard.FlaskCompat reads.
func (s *flaskService) itsCookies(t *testing.T) {
	r := must(http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"hs256/login", http.NoBody))
	response := must(http.DefaultTransport.RoundTrip(r))
	response.Body.Close()
	var line, csrf string
	for _, c := range response.Cookies() {
		line += c.Name + "=" + c.Value + "; "
		if c.Name == "csrf_access_token" {
			csrf = c.Value
		}
	}
	q := request{method: "POST", need: "fresh", places: "cookies", header: cookie(strings.TrimSuffix(line, "; "), "X-CSRF-TOKEN", csrf)}
	if got := s.send(s.ours["hs256"].URL, q); got != `200 {"sub":"user1"}` {
		t.Errorf("guard answers %s", got)
	}
}
