package interop_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// megabyte is as much as net/http lets a request line and headers be by default, less what else
// stands in them.
const megabyte = 1<<20 - 1024

// hostileTexts are tokens of a megabyte, and some whose cost would hide in their content.
func hostileTexts() map[string]string {
	names := func(n int) string {
		var s strings.Builder
		for i := range n {
			fmt.Fprintf(&s, `"%d":0,`, i)
		}
		return s.String()
	}
	signed := func(payload string) string { return forge(goodHeader, payload) }
	return map[string]string{
		"letters":           strings.Repeat("A", megabyte),
		"dots":              strings.Repeat(".", megabyte),
		"header of letters": strings.Repeat("A", megabyte-4) + ".A.A",
		"JSON header":       b64(`{"alg":"HS256",`+names(70_000)+`"x":1}`) + "..",
		"signed claims":     signed(`{` + names(60_000) + `"x":0}`),
		"signed, deep":      signed(strings.Repeat(`{"a":`, 2200) + "1" + strings.Repeat("}", 2200)),
		"signed names":      signed(`{` + names(1000) + `"x":0}`),
		"signed escapes":    signed(`{"iss":"` + strings.Repeat(`\u00e9`, 1800) + `","x":0}`),
	}
}

// hostileRequests put a text everywhere that a guard with every source looks for a token.
func hostileRequests(address, text string) map[string]func() *http.Request {
	request := func(method, url, body string, header ...string) func() *http.Request {
		return func() *http.Request {
			r := must(http.NewRequest(method, url, strings.NewReader(body)))
			for i := 0; i < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
			return r
		}
	}
	chunked := func(make func() *http.Request) func() *http.Request {
		return func() *http.Request {
			r := make()
			r.ContentLength = -1
			return r
		}
	}
	form := request("POST", address, "access_token="+text, "Content-Type", "application/x-www-form-urlencoded")
	object := request("POST", address, `{"access_token":"`+text+`"}`, "Content-Type", "application/json")
	return map[string]func() *http.Request{
		"header":        request("GET", address, "", "Authorization", "Bearer "+text),
		"cookie":        request("GET", address, "", "Cookie", "__Host-sandi_access="+text),
		"query":         request("GET", address+"?access_token="+text, ""),
		"form":          form,
		"form, chunked": chunked(form),
		"JSON":          object,
		"JSON, chunked": chunked(object),
	}
}

// hostilePlaces are expensive before there is any token.
func hostilePlaces(address string) map[string]func() *http.Request {
	const escaped = "%41"
	all := hostileRequests(address, strings.Repeat(escaped, megabyte/len(escaped)))
	places := map[string]func() *http.Request{"query, escaped": all["query"], "form, escaped": all["form"]}
	pairs := func(pair string) string { return strings.Repeat(pair, megabyte/len(pair)) }
	places["query of many"] = func() *http.Request { return must(http.NewRequest("GET", address+"?"+pairs("a=b&"), nil)) }
	places["query of many, escaped"] = func() *http.Request { return must(http.NewRequest("GET", address+"?"+pairs("%61=b&"), nil)) }
	places["cookies"] = func() *http.Request {
		r := must(http.NewRequest("GET", address, nil))
		r.Header.Set("Cookie", pairs("a=b; "))
		return r
	}
	for name, header := range map[string][2]string{
		"languages":             {"Accept-Language", pairs("id;q=0.1,")},
		"languages, empty":      {"Accept-Language", pairs(",")},
		"language of letters":   {"Accept-Language", pairs("a")},
		"media type of letters": {"Content-Type", pairs("A")},
		"media type, spaces":    {"Content-Type", "application/json" + pairs(" ")},
		"schemes":               {"Authorization", pairs("Bearer x,")},
		"other schemes":         {"Authorization", pairs("a b,")},
		"words":                 {"Authorization", "Bearer" + pairs(" a")},
		"commas":                {"Authorization", "Bearer x" + pairs(",")},
		"spaces":                {"Authorization", "Bearer" + pairs(" ") + "x"},
	} {
		places[name] = func() *http.Request {
			r := must(http.NewRequest("POST", address, strings.NewReader("{}")))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set(header[0], header[1])
			return r
		}
	}
	places["media type, parameters"] = func() *http.Request {
		var value strings.Builder
		value.WriteString("application/json")
		for i := 0; value.Len() < megabyte-16; i++ {
			fmt.Fprintf(&value, ";%x=a", i)
		}
		r := must(http.NewRequest("POST", address, strings.NewReader("{}")))
		r.Header.Set("Content-Type", value.String())
		return r
	}
	places["credentials, lines"] = func() *http.Request {
		r := must(http.NewRequest("GET", address, nil))
		for range 8 {
			r.Header.Add("Authorization", strings.Repeat("a", megabyte/8-100))
		}
		return r
	}
	places["cookies of the name"] = func() *http.Request {
		r := must(http.NewRequest("GET", address, nil))
		r.Header.Set("Cookie", pairs("__Host-sandi_access=b; "))
		return r
	}
	for name, value := range map[string]string{
		"JSON, deep":    strings.Repeat("[", megabyte),
		"JSON, names":   "{" + pairs(`"a":0,`) + `"b":0}`,
		"JSON, escapes": `{"x":"` + pairs(`\u00e9`) + `"}`,
		"JSON, members": "{" + strings.Repeat(`"access_toke":0,`, 4000) + `"b":0}`,
		"JSON, escaped": "{" + strings.Repeat(`"access_toke\u006f":0,`, 2900) + `"b":0}`,
	} {
		places[name] = func() *http.Request {
			r := must(http.NewRequest("POST", address, io.MultiReader(strings.NewReader(value)))) // of unknown length
			r.Header.Set("Content-Type", "application/json")
			return r
		}
	}
	return places
}

// TestHostileRequests sends a megabyte by every way in, to a server with the limits of net/http:
// a guard, and one of FlaskCompat, spends at most 10 ms and 256 KiB on it, and refuses.
// checklist 123
func TestHostileRequests(t *testing.T) { // not parallel: it counts what the whole program allocates
	server, costs := meteredServer()
	defer server.Close()
	requests := map[string]func() *http.Request{}
	for _, address := range []string{server.URL + "/", server.URL + "/flask"} {
		for name, request := range hostilePlaces(address) {
			requests[address+", "+name] = request
		}
		for what, text := range hostileTexts() {
			for where, request := range hostileRequests(address, text) {
				requests[address+", "+where+": "+what] = request
			}
		}
	}
	for name, request := range requests {
		var c cost
		for try := 0; try == 0 || try < 5 && c.isTooMuch(); try++ { // so that a busy machine does not fail the test
			answer, err := server.Client().Do(request())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			_ = answer.Body.Close()
			if !slices.Contains([]int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}, answer.StatusCode) {
				t.Fatalf("%s: got status %d", name, answer.StatusCode)
			}
			c = <-costs
		}
		if c.isTooMuch() {
			t.Errorf("%s: took %v and %d KiB", name, c.took, c.bytes>>10)
		}
	}
}

// cost is what a guard spent on a request.
type cost struct {
	took  time.Duration
	bytes uint64
}

func (c cost) isTooMuch() bool {
	return c.took > 10*time.Millisecond*slowdown || c.bytes > 256<<10*growth
}

// meteredServer has guards with every source, one of FlaskCompat at /flask, and says what each request cost.
func meteredServer() (*httptest.Server, <-chan cost) {
	keys := must(jwt.NewKeySet(secretKey()))
	flask := guard.FlaskCompat(keys)
	flask.Cookie.Access = "__Host-sandi_access"
	guarded := http.NewServeMux()
	for path, c := range map[string]guard.Config{"/": {Keys: keys, Issuer: issuer, Audience: []string{audience}}, "/flask": flask} {
		c.Now = clock
		c.Sources = []guard.Source{
			guard.FromHeader(), guard.FromCookie(), guard.InsecureFromQuery("access_token"), guard.InsecureFromBody("access_token"),
		}
		guarded.Handle(path, must(guard.New(c)).Require()(http.NotFoundHandler()))
	}
	costs := make(chan cost, 1)
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		guarded.ServeHTTP(w, r)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		costs <- cost{took, after.TotalAlloc - before.TotalAlloc}
	})), costs
}
