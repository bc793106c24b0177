package interop_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// answer is a request and what guard.FlaskCompat answers, "status sentence" or "status body". The
// real service answers the same, or else flask, and why says why not.
type answer struct {
	request
	want       string
	flask, why string
}

// tokens are of the application hs256, made by Flask unless it makes no such thing.
type tokens struct {
	access, fresh, freshFor, staleSince, refresh, expired, expiredRefresh, revoked, noExpiry, noType, idToken,
	notYet, issuedAhead, number, unverified, nobody, noSubject, noCSRF, otherKey, bound, extra, otherTyp string
}

func (s *flaskService) tokens() tokens {
	mint := func(ask map[string]any) string { return s.mint("hs256", ask) }
	plain := map[string]any{}
	claims := func(name string, value any) map[string]any {
		return map[string]any{"claims": map[string]any{name: value}}
	}
	ahead := time.Now().Add(time.Hour).Unix()
	return tokens{
		access:         mint(plain),
		fresh:          mint(map[string]any{"fresh": true}),
		freshFor:       mint(map[string]any{"fresh": 3600}),
		staleSince:     mint(map[string]any{"fresh": -3600}),
		refresh:        mint(map[string]any{"kind": "refresh"}),
		expired:        mint(map[string]any{"expires": -60}),
		expiredRefresh: mint(map[string]any{"kind": "refresh", "expires": -60}),
		revoked:        mint(claims("jti", "revoked-1")),
		noExpiry:       mint(map[string]any{"expires": false}),
		idToken:        mint(claims("type", "id")),
		notYet:         mint(claims("nbf", ahead)),
		issuedAhead:    mint(claims("iat", ahead)),
		number:         mint(map[string]any{"identity": 7}),
		unverified:     mint(claims("unverified", true)),
		nobody:         mint(map[string]any{"identity": "nobody"}),
		bound:          mint(claims("cnf", map[string]any{"jkt": "x"})),
		extra:          mint(map[string]any{"claims": map[string]any{"aud": "other", "iss": "other", "deep": []any{1, nil}}, "headers": map[string]any{"more": 1}}),
		otherTyp:       mint(map[string]any{"headers": map[string]any{"typ": "x"}}),
		noType:         s.sign("hs256", "JWT", map[string]any{"type": nil}),
		noSubject:      s.sign("hs256", "JWT", map[string]any{"sub": nil}),
		noCSRF:         s.sign("hs256", "JWT", map[string]any{"csrf": nil}),
		otherKey:       must(jwt.Sign(newPythonKey(jwt.HS256).Key, "JWT", map[string]any{"sub": "user1"})),
	}
}

// jsonType are the headers of a JSON body.
var jsonType = http.Header{"Content-Type": {"application/json"}}

// cookie are the headers of a browser with a cookie, and more.
func cookie(value string, more ...string) http.Header {
	h := http.Header{"Cookie": {value}}
	for i := 0; i < len(more); i += 2 {
		h.Add(more[i], more[i+1])
	}
	return h
}

func authorization(lines ...string) http.Header { return http.Header{"Authorization": lines} }

// headerAnswers are those of routes that look in the Authorization header.
func (k tokens) headerAnswers() map[string]answer {
	const user, bad = `{"sub":"user1"}`, "Bad Authorization header. Expected 'Authorization: Bearer <JWT>'"
	const noBearer = "401 Missing 'Bearer' type in 'Authorization' header. Expected 'Authorization: Bearer <JWT>'"
	get := func(token string) request { return request{header: bearer(token)} }
	need := func(need, token string) request { return request{need: need, header: bearer(token)} }
	part := strings.Split(k.access, ".")
	return map[string]answer{
		"good":                     {get(k.access), "200 " + user, "", ""},
		"fresh where not asked":    {get(k.fresh), "200 " + user, "", ""},
		"extra claims and headers": {get(k.extra), "200 " + user, "", ""},
		"another typ": {
			get(k.otherTyp),
			"422 This kind of token is not accepted here. Send an access token to the API, and a refresh token only to refresh.",
			"200 " + user, "typ says what a token is for",
		},
		"nothing":                   {request{}, "401 Missing Authorization Header", "", ""},
		"empty header":              {request{header: authorization("")}, "401 Missing Authorization Header", "", ""},
		"commas alone":              {request{header: authorization(",,")}, "401 Missing Authorization Header", "", ""},
		"other scheme":              {request{header: authorization("Basic dTpw")}, noBearer, "", ""},
		"other scheme with commas":  {request{header: authorization(`Digest username="u", realm="r"`)}, noBearer, "", ""},
		"token alone":               {request{header: authorization(k.access)}, noBearer, "", ""},
		"scheme alone":              {request{header: authorization("Bearer")}, "422 " + bad, "", ""},
		"three words":               {request{header: authorization("Bearer a b")}, "422 " + bad, "", ""},
		"many spaces":               {request{header: authorization("Bearer    " + k.access)}, "200 " + user, "", ""},
		"comma behind":              {request{header: authorization("Bearer " + k.access + ",")}, "200 " + user, "", ""},
		"garbage":                   {get("garbage"), "422 Not enough segments", "", ""},
		"two segments":              {get("a.b"), "422 Not enough segments", "", ""},
		"short header":              {get("a.b.c"), "422 Invalid header padding", "", ""},
		"short payload":             {get(part[0] + ".b." + part[2]), "422 Invalid payload padding", "", ""},
		"short signature":           {get(part[0] + "." + part[1] + ".c"), "422 Invalid crypto padding", "", ""},
		"signature cut off":         {get(k.access[:len(k.access)-1]), "422 Signature verification failed", "", ""},
		"signature empty":           {get(part[0] + "." + part[1] + "."), "422 Signature verification failed", "", ""},
		"signature of another":      {get(part[0] + "." + part[1] + "." + strings.Split(k.fresh, ".")[2]), "422 Signature verification failed", "", ""},
		"other key":                 {get(k.otherKey), "422 Signature verification failed", "", ""},
		"alg none":                  {get(b64(`{"alg":"none","typ":"JWT"}`) + "." + part[1] + "."), "422 The specified alg value is not allowed", "", ""},
		"alg RS256":                 {get(b64(`{"alg":"RS256","typ":"JWT"}`) + "." + part[1] + "." + part[2]), "422 The specified alg value is not allowed", "", ""},
		"expired":                   {get(k.expired), "401 Token has expired", "", ""},
		"not yet valid":             {get(k.notYet), "422 The token is not yet valid (nbf)", "", ""},
		"issued in the future":      {get(k.issuedAhead), "422 The token is not yet valid (iat)", "", ""},
		"revoked":                   {get(k.revoked), "401 Token has been revoked", "", ""},
		"without sub":               {get(k.noSubject), "422 Missing claim: sub", "", ""},
		"refresh token for access":  {get(k.refresh), "422 Only non-refresh tokens are allowed", "", ""},
		"refresh":                   {need("refresh", k.refresh), "200 " + user, "", ""},
		"access token for refresh":  {need("refresh", k.access), "422 Only refresh tokens are allowed", "", ""},
		"no type for refresh":       {need("refresh", k.noType), "422 Only refresh tokens are allowed", "", ""},
		"expired refresh token":     {need("refresh", k.expiredRefresh), "401 Token has expired", "", ""},
		"fresh":                     {need("fresh", k.fresh), "200 " + user, "", ""},
		"not fresh":                 {need("fresh", k.access), "401 Fresh token required", "", ""},
		"fresh until":               {need("fresh", k.freshFor), "200 " + user, "", ""},
		"no longer fresh":           {need("fresh", k.staleSince), "401 Fresh token required", "", ""},
		"verification loader":       {get(k.unverified), "400 User claims verification failed", "", ""},
		"user lookup":               {get(k.nobody), "401 Error loading the user nobody", "", ""},
		"optional, nothing":         {request{need: "optional"}, `200 {"sub":null}`, "", ""},
		"optional, good":            {need("optional", k.access), "200 " + user, "", ""},
		"optional, other scheme":    {request{need: "optional", header: authorization("Basic dTpw")}, `200 {"sub":null}`, "", ""},
		"optional, garbage":         {need("optional", "garbage"), "422 Not enough segments", "", ""},
		"optional, expired":         {need("optional", k.expired), "401 Token has expired", "", ""},
		"optional, revoked":         {need("optional", k.revoked), "401 Token has been revoked", "", ""},
		"optional, scheme alone":    {request{need: "optional", header: authorization("Bearer")}, "422 " + bad, "", ""},
		"optional+fresh, not fresh": {need("optional+fresh", k.access), "401 Fresh token required", "", ""},
		"HEAD":                      {request{method: "HEAD", header: bearer(k.access)}, "200", "", ""},
		"DELETE":                    {request{method: "DELETE", header: bearer(k.access)}, "200 " + user, "", ""},
		"number as sub":             {get(k.number), "422 Subject must be a string", `200 {"sub":7}`, "RFC 7519 section 4.1.2; PyJWT from 2.10 on"},
		"no type":                   {get(k.noType), "422 Missing claim: type", "200 " + user, "an ID token must not pass"},
		"type of another kind":      {get(k.idToken), "422 Only non-refresh tokens are allowed", "200 " + user, "an ID token must not pass"},
		"no exp":                    {get(k.noExpiry), `422 Token is missing the "exp" claim`, "200 " + user, "InsecureNoExpiry"},
		"bound to a key":            {get(k.bound), "422 The token is not valid here. Sign in again to get a new one.", "200 " + user, "RFC 7800: not a bearer token"},
		"scheme in lower case":      {request{header: authorization("bearer " + k.access)}, "200 " + user, noBearer, "RFC 9110 section 11.1"},
		"two lines":                 {request{header: authorization("Basic dTpw", "Bearer "+k.access)}, "422 " + bad, "200 " + user, "two credentials"},
		"two in a line":             {request{header: authorization("Basic dTpw, Bearer " + k.access)}, "422 " + bad, "200 " + user, "two credentials"},
		"two of Bearer":             {request{header: authorization("Bearer " + k.access + ", Bearer " + k.fresh)}, "422 " + bad, noBearer, "two credentials"},
		"two of Bearer, optional":   {request{need: "optional", header: authorization("Bearer a, Bearer b")}, "422 " + bad, `200 {"sub":null}`, "two credentials"},
		"empty element":             {request{header: authorization("Bearer " + k.access + ",,Basic x")}, "422 " + bad, "500", "two credentials"},
		"OPTIONS":                   {request{method: "OPTIONS"}, "401 Missing Authorization Header", "500", "OPTIONS is not exempt: preflights end before the guard"},
		"four segments":             {get(k.access + ".x"), "422 Signature verification failed", "422 Invalid payload padding", "nothing is said of what no key signed"},
		"header that is no JSON":    {get("abcd." + part[1] + "." + part[2]), "422 Signature verification failed", "422 Invalid header string: 'utf-8' codec can't decode byte 0xb7 in position 1: invalid start byte", "Python's parser speaks"},
		"payload that is no JSON":   {get(part[0] + ".abcd." + part[2]), "422 Signature verification failed", "422 Invalid payload string: 'utf-8' codec can't decode byte 0xb7 in position 1: invalid start byte", "nothing is said of what no key signed"},
		"crit":                      {get(forge(`{"alg":"HS256","crit":["x"],"x":1}`, "{}")), "422 Unsupported critical extension", "422 Unsupported critical extension: x", "what no key signed is not repeated"},
		"not fresh and revoked":     {need("fresh", k.revoked), "401 Token has been revoked", "401 Fresh token required", "revocation is looked up first"},
		"too large":                 {get(b64(`{"alg":"HS256"}`) + "." + strings.Repeat("a", 20<<10) + ".aa"), "422 The token is not valid here. Sign in again to get a new one.", "422 Invalid payload string: 'utf-8' codec can't decode byte 0xa6 in position 1: invalid start byte", "16 KiB is the limit"},
	}
}

// placeAnswers are those of routes that look elsewhere, or in several places.
func (k tokens) placeAnswers() map[string]answer {
	const user = `200 {"sub":"user1"}`
	const all = "headers,cookies,query_string,json"
	in := func(token string) string { return "access_token_cookie=" + token }
	query := func(query string) request { return request{places: "query_string", query: query} }
	body := func(body string) request {
		return request{method: "POST", places: "json", header: jsonType, body: body}
	}
	browser := func(method string, header http.Header) request {
		return request{method: method, places: "cookies", header: header}
	}
	_, csrf := csrfOf(k.access)
	return map[string]answer{
		"query":                 {query("jwt=" + k.access), user, "", ""},
		"query, none":           {query("token=x"), "401 Missing 'jwt' query paramater", "", ""},
		"query, empty":          {query("jwt="), "401 Missing 'jwt' query paramater", "", ""},
		"query, garbage":        {query("jwt=x"), "422 Not enough segments", "", ""},
		"JSON":                  {body(`{"access_token":"` + k.access + `"}`), user, "", ""},
		"JSON, none":            {body(`{}`), `401 Missing "access_token" key in json data.`, "", ""},
		"JSON, empty":           {body(`{"access_token":""}`), `401 Missing "access_token" key in json data.`, "", ""},
		"JSON, malformed":       {body(`{"access_token`), `401 Missing "access_token" key in json data.`, "", ""},
		"JSON, no body":         {body(""), `401 Missing "access_token" key in json data.`, "", ""},
		"JSON, PUT":             {request{method: "PUT", places: "json", header: jsonType, body: `{"access_token":"` + k.access + `"}`}, user, "", ""},
		"JSON, suffix":          {request{method: "POST", places: "json", header: http.Header{"Content-Type": {"application/vnd.x+json; charset=utf-8"}}, body: `{"access_token":"` + k.access + `"}`}, user, "", ""},
		"JSON, other type":      {request{method: "POST", places: "json", header: http.Header{"Content-Type": {"text/plain"}}, body: "x"}, "401 Invalid content-type. Must be application/json.", "", ""},
		"JSON, form":            {request{method: "POST", places: "json", header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, body: "access_token=" + k.access}, "401 Invalid content-type. Must be application/json.", "", ""},
		"JSON, refresh":         {request{method: "POST", need: "refresh", places: "json", header: jsonType, body: `{"refresh_token":"` + k.refresh + `"}`}, user, "", ""},
		"JSON, refresh, none":   {request{method: "POST", need: "refresh", places: "json", header: jsonType, body: `{"access_token":"x"}`}, `401 Missing "refresh_token" key in json data.`, "", ""},
		"cookie":                {browser("GET", cookie(in(k.access))), user, "", ""},
		"cookie, none":          {browser("GET", nil), `401 Missing cookie "access_token_cookie"`, "", ""},
		"cookie, empty":         {browser("GET", cookie(in(""))), `401 Missing cookie "access_token_cookie"`, "", ""},
		"cookie, refresh, none": {request{need: "refresh", places: "cookies"}, `401 Missing cookie "refresh_token_cookie"`, "", ""},
		"cookie, refresh":       {request{need: "refresh", places: "cookies", header: cookie("refresh_token_cookie=" + k.refresh)}, user, "", ""},
		"cookie, POST":          {browser("POST", cookie(in(k.access), "X-CSRF-TOKEN", csrf)), user, "", ""},
		"cookie, PATCH":         {browser("PATCH", cookie(in(k.access), "X-CSRF-TOKEN", csrf)), user, "", ""},
		"cookie, no CSRF":       {browser("POST", cookie(in(k.access))), "401 Missing CSRF token", "", ""},
		"cookie, empty CSRF":    {browser("PUT", cookie(in(k.access), "X-CSRF-TOKEN", "")), "401 Missing CSRF token", "", ""},
		"cookie, wrong CSRF":    {browser("DELETE", cookie(in(k.access), "X-CSRF-TOKEN", "x")), "401 CSRF double submit tokens do not match", "", ""},
		"cookie without csrf":   {browser("POST", cookie(in(k.noCSRF), "X-CSRF-TOKEN", "x")), "422 Missing claim: csrf", "", ""},
		"cookie expired, POST":  {browser("POST", cookie(in(k.expired))), "401 Missing CSRF token", "", ""},
		"optional, no CSRF":     {request{method: "POST", need: "optional", places: "cookies", header: cookie(in(k.access))}, "401 Missing CSRF token", "", ""},
		"everywhere, none": {request{method: "POST", places: all, header: jsonType, body: "{}"}, `401 Missing JWT in headers, cookies, query_string or json (Missing Authorization Header; ` +
			`Missing cookie "access_token_cookie"; Missing 'jwt' query paramater; Missing "access_token" key in json data.)`, "", ""},
		"two places, none":       {request{places: "headers,cookies"}, `401 Missing JWT in headers or cookies (Missing Authorization Header; Missing cookie "access_token_cookie")`, "", ""},
		"refresh, none":          {request{need: "refresh", places: "cookies,headers"}, `401 Missing JWT in cookies or headers (Missing cookie "refresh_token_cookie"; Missing Authorization Header)`, "", ""},
		"header before cookie":   {request{places: "headers,cookies", header: cookie(in("garbage"), "Authorization", "Bearer "+k.access)}, user, "", ""},
		"cookie before header":   {request{places: "cookies,headers", header: cookie(in(k.access), "Authorization", "Bearer garbage")}, user, "", ""},
		"bad first, good second": {request{places: "headers,cookies", header: cookie(in(k.access), "Authorization", "Bearer garbage")}, "422 Not enough segments", "", ""},
		"Basic, then cookie":     {request{places: "headers,cookies", header: cookie(in(k.access), "Authorization", "Basic dTpw")}, user, "", ""},
		"cookie first, no CSRF":  {request{method: "POST", places: "cookies,headers", header: cookie(in(k.access), "Authorization", "Bearer "+k.access)}, "401 Missing CSRF token", "", ""},
		"header, then query":     {request{places: "headers,query_string", header: bearer(k.access), query: "jwt=garbage"}, user, "", ""},
		"query, then header":     {request{places: "query_string,headers", header: bearer(k.access), query: "jwt=garbage"}, "422 Not enough segments", "", ""},
		"query twice":            {query("jwt=" + k.access + "&jwt=x"), "422 " + unreadable, user, "two credentials"},
		"query, bad escape":      {query("jwt=%zz"), "422 " + unreadable, "422 Not enough segments", "readers differ on it"},
		"cookie twice":           {browser("GET", cookie(in(k.access)+"; "+in("x"))), "422 " + unreadable, user, "two credentials: a sibling domain can plant one"},
		"JSON twice":             {body(`{"access_token":"x","access_token":"` + k.access + `"}`), "422 " + unreadable, user, "two credentials"},
		"JSON, number":           {body(`{"access_token":7}`), "422 " + unreadable, "422 Invalid token type. Token must be a <class 'bytes'>", "the sentence is PyJWT's about itself"},
		"JSON, list":             {body(`["access_token"]`), `401 Missing "access_token" key in json data.`, "500", "a fault of the library"},
		"JSON of a GET":          {request{places: "json", header: jsonType, body: `{"access_token":"` + k.access + `"}`}, `401 Missing "access_token" key in json data.`, user, "RFC 9110 section 9.3.1: the body of a GET means nothing"},
		"JSON, 70 KiB":           {body(`{"access_token":"` + k.access + `","x":"` + strings.Repeat("x", 70<<10) + `"}`), "413 " + unreadable, user, "64 KiB is the limit"},
		"expired, wrong CSRF":    {browser("POST", cookie(in(k.expired), "X-CSRF-TOKEN", "x")), "401 Token has expired", "401 CSRF double submit tokens do not match", "expiry comes first"},
		"refresh, wrong CSRF":    {browser("POST", cookie(in(k.refresh), "X-CSRF-TOKEN", "x")), "422 Only non-refresh tokens are allowed", "401 CSRF double submit tokens do not match", "the kind comes first"},
		"PROPFIND":               {browser("PROPFIND", cookie(in(k.access))), "401 Missing CSRF token", "405", "every method that may change something, not four"},
	}
}

const unreadable = "The token could not be read from the request. Send exactly one token, in one place, in the right form."

// csrfOf reads the claim csrf of a token.
func csrfOf(token string) (ok bool, csrf string) {
	_, payload, err := jwt.DecodeUnverified(token)
	if err != nil {
		return false, ""
	}
	var claims struct{ CSRF string }
	return json.Unmarshal(payload, &claims) == nil, claims.CSRF
}
