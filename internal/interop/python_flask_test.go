package interop_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// flaskService is a Flask-JWT-Extended service, and beside each of its applications the same
// thing in Go, behind guard.FlaskCompat.
type flaskService struct {
	tb   testing.TB
	url  string
	keys map[string]pythonKey        // by application
	ours map[string]*httptest.Server // by application
}

// startFlask starts the applications hs256, which takes tokens from everywhere, and es256 and
// rs256, which name their issuer and audience.
func startFlask(t *testing.T) *flaskService {
	t.Helper()
	s := &flaskService{tb: t, keys: map[string]pythonKey{}, ours: map[string]*httptest.Server{}}
	configs := map[string]map[string]any{}
	for _, alg := range []jwt.Algorithm{jwt.HS256, jwt.ES256, jwt.RS256} {
		name, k := strings.ToLower(string(alg)), newPythonKey(alg)
		config := map[string]any{
			"JWT_ALGORITHM": alg, "JWT_TOKEN_LOCATION": []string{"headers", "cookies", "query_string", "json"},
			"JWT_SECRET_KEY": k.private, "JWT_PRIVATE_KEY": k.private, "JWT_PUBLIC_KEY": k.public,
		}
		compat := guard.FlaskCompat(must(jwt.NewKeySet(k.Key)))
		if alg != jwt.HS256 {
			config["JWT_ENCODE_ISSUER"], config["JWT_DECODE_ISSUER"] = issuer, issuer
			config["JWT_ENCODE_AUDIENCE"], config["JWT_DECODE_AUDIENCE"] = audience, audience
			compat.Issuer, compat.InsecureAnyIssuer = issuer, false
			compat.Audience, compat.InsecureAnyAudience = []string{audience}, false
		}
		s.keys[name], configs[name] = k, config
		s.ours[name] = httptest.NewServer(twin(compat))
		t.Cleanup(s.ours[name].Close)
	}
	var port int
	startPython(t, "flask_service.py").ask(configs, &port)
	s.url = fmt.Sprintf("http://127.0.0.1:%d/", port)
	s.awaitHealth()
	return s
}

// awaitHealth asks until the service answers: its socket listens before its port is printed.
func (s *flaskService) awaitHealth() {
	s.tb.Helper()
	if got := s.send(s.url+"hs256", request{need: "optional", places: "headers"}); got != `200 {"sub":null}` {
		s.tb.Fatalf("the Flask service answers %s", got)
	}
}

// twin answers for /guarded/{need}/{places} what the application of flask_service.py does.
func twin(c guard.Config) http.Handler {
	c.Revocations = guard.RevocationFunc(func(_ context.Context, t *guard.Token) (bool, error) { // token_in_blocklist_loader
		return strings.HasPrefix(t.ID(), "revoked"), nil
	})
	answer := c.OnError
	c.OnError = func(w http.ResponseWriter, r *http.Request, e *guard.Error) {
		if e.Reason == "user_unknown" { // user_lookup_error_loader
			w.WriteHeader(http.StatusUnauthorized)
			json.NewEncoder(w).Encode(map[string]string{"msg": "Error loading the user nobody"})
			return
		}
		answer(w, r, e)
	}
	g := must(guard.New(c))
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sub any
		if t := guard.Identity(r.Context()); t != nil {
			sub = t.Subject()
		}
		json.NewEncoder(w).Encode(map[string]any{"sub": sub})
	})
	mux := http.NewServeMux()
	mux.HandleFunc("/guarded/{need}/{places}", func(w http.ResponseWriter, r *http.Request) {
		reqs := append(requirements(r.PathValue("need"), r.PathValue("places")), claimChecks()...)
		g.Require(reqs...)(who).ServeHTTP(w, r)
	})
	return mux
}

// claimChecks are the loaders that concern every route there.
func claimChecks() []guard.Requirement {
	return []guard.Requirement{
		guard.Claim("", func(_ context.Context, t *guard.Token) error { // token_verification_loader
			if t.Bool("unverified") {
				return fmt.Errorf("claim unverified")
			}
			return nil
		}),
		guard.Claim("", func(_ context.Context, t *guard.Token) error { // user_lookup_loader
			if t.Subject() == "nobody" {
				return &guard.Error{Reason: "user_unknown"}
			}
			return nil
		}),
	}
}

// requirements are what jwt_required is told, in Go.
func requirements(need, places string) (reqs []guard.Requirement) {
	bodyKey := "access_token"
	for n := range strings.SplitSeq(need, "+") {
		switch n {
		case "optional":
			reqs = append(reqs, guard.Optional())
		case "fresh":
			reqs = append(reqs, guard.Fresh(0))
		case "refresh":
			reqs, bodyKey = append(reqs, guard.Refresh()), "refresh_token"
		}
	}
	var sources []guard.Source
	for place := range strings.SplitSeq(places, ",") {
		sources = append(sources, map[string]guard.Source{
			"headers": guard.FromHeader(), "cookies": guard.FromCookie(),
			"query_string": guard.InsecureFromQuery("jwt"), "json": guard.InsecureFromBody(bodyKey),
		}[place])
	}
	return append(reqs, guard.From(sources...))
}

// request is one that both services are sent.
type request struct {
	method       string // default GET
	need, places string // default "any", "headers"
	header       http.Header
	query, body  string
}

// send gives the answer as "status body".
func (s *flaskService) send(base string, q request) string {
	s.tb.Helper()
	url := base + "/guarded/" + cmp.Or(q.need, "any") + "/" + cmp.Or(q.places, "headers")
	if q.query != "" {
		url += "?" + q.query
	}
	r := must(http.NewRequestWithContext(s.tb.Context(), cmp.Or(q.method, http.MethodGet), url, strings.NewReader(q.body)))
	if q.header != nil {
		r.Header = q.header.Clone()
	}
	return s.do(r)
}

func (s *flaskService) do(r *http.Request) string {
	s.tb.Helper()
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer response.Body.Close()
	body := must(io.ReadAll(response.Body))
	var compact bytes.Buffer
	var value any
	if json.Unmarshal(body, &value) != nil { // Flask's own page for a status
		return fmt.Sprint(response.StatusCode)
	}
	e := json.NewEncoder(&compact)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		s.tb.Fatal(err)
	}
	return fmt.Sprintf("%d %s", response.StatusCode, strings.TrimSpace(compact.String()))
}

// mint has an application make a token: create_access_token or create_refresh_token.
func (s *flaskService) mint(app string, ask map[string]any) string {
	s.tb.Helper()
	r := must(http.NewRequestWithContext(s.tb.Context(), http.MethodPost, s.url+app+"/mint", bytes.NewReader(must(json.Marshal(ask)))))
	r.Header.Set("Content-Type", "application/json")
	_, body, _ := strings.Cut(s.do(r), " ")
	var answer struct{ Token string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Token == "" {
		s.tb.Fatalf("mint %v: %s", ask, body)
	}
	return answer.Token
}

// sign makes a token of an application's key by hand, with the claims that guard.Issuer would set.
func (s *flaskService) sign(app, typ string, changes map[string]any) string {
	s.tb.Helper()
	now := time.Now()
	claims := map[string]any{
		"iss": issuer, "aud": audience, "sub": "user1", "jti": "j1", "type": "access", "fresh": false, "csrf": "value",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return must(jwt.Sign(s.keys[app].Key, typ, claims))
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// A Flask-JWT-Extended service takes the tokens of a guard.Issuer, in each of its places and on
// routes of each kind, and stops taking one that has signed out there.
func (s *flaskService) takesOurTokens(t *testing.T) {
	for app, k := range s.keys {
		iss := must(guard.NewIssuer(guard.IssuerConfig{Key: k.Key, Issuer: issuer, Audience: []string{audience}}))
		grant := iss.SignIn("user1")
		fresh, refresh := must(iss.Access(grant)), must(iss.Refresh(grant))
		grant.Fresh, grant.Claims = false, map[string]any{"tenant": map[string]any{"id": 7}}
		access := must(iss.Access(grant))
		in := http.Header{"Cookie": {"access_token_cookie=" + access}}
		post := http.Header{"Cookie": in["Cookie"], "X-Csrf-Token": {grant.CSRF}}
		const user, stale = `200 {"sub":"user1"}`, "401 Fresh token required"
		for name, row := range map[string]answer{
			"header":             {request{header: bearer(access)}, user, "", ""},
			"cookie":             {request{places: "cookies", header: in}, user, "", ""},
			"cookie, POST":       {request{method: "POST", places: "cookies", header: post}, user, "", ""},
			"query":              {request{places: "query_string", query: "jwt=" + access}, user, "", ""},
			"JSON":               {request{method: "POST", places: "json", header: jsonType, body: `{"access_token":"` + access + `"}`}, user, "", ""},
			"optional":           {request{need: "optional", header: bearer(access)}, user, "", ""},
			"fresh":              {request{need: "fresh", header: bearer(fresh)}, user, "", ""},
			"not fresh":          {request{need: "fresh", header: bearer(access)}, stale, "", ""},
			"refresh":            {request{need: "refresh", header: bearer(refresh)}, user, "", ""},
			"refresh, JSON":      {request{method: "POST", need: "refresh", places: "json", header: jsonType, body: `{"refresh_token":"` + refresh + `"}`}, user, "", ""},
			"refresh for access": {request{header: bearer(refresh)}, "422 Only non-refresh tokens are allowed", "", ""},
		} {
			for whose, base := range map[string]string{"Flask": s.url + app, "guard": s.ours[app].URL} {
				if got := s.send(base, row.request); got != asBody(row.want) {
					t.Errorf("%s, %s: %s answers %s, want %s", app, name, whose, got, row.want)
				}
			}
		}
		r := must(http.NewRequestWithContext(t.Context(), http.MethodDelete, s.url+app+"/logout", http.NoBody))
		r.Header = bearer(access)
		if got := s.do(r); got != `200 {"msg":"signed out"}` {
			t.Errorf("%s: logout answers %s", app, got)
		}
		if got := s.send(s.url+app, request{header: bearer(access)}); got != asBody("401 Token has been revoked") {
			t.Errorf("%s: after logout Flask answers %s", app, got)
		}
	}
}
