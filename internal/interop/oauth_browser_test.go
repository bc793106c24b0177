package interop_test

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// browser is a user's: it keeps cookies, fills in the forms of the sign-in and consent pages and presses their
// buttons. Addresses of others than the provider it does not follow: there is where a visit ends.
type browser struct {
	http     *http.Client
	provider string // origin
	user     string
	code     string // the second factor's, where it is asked for
	deny     bool
	Pages    []string // the titles that it saw
}

func newBrowser(provider, user string) *browser {
	return &browser{
		provider: provider, user: user,
		http: &http.Client{
			Jar: must(cookiejar.New(nil)), Timeout: 30 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// visit goes to an address and on to where the provider sends the browser: the address of somebody else, or the last
// page, when there is nothing to fill in, as its text.
func (b *browser) visit(start string) (end, text string, err error) {
	r, err := http.NewRequest(http.MethodGet, start, nil)
	if err != nil {
		return "", "", err
	}
	for range 20 {
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Accept-Language", "en")
		res, err := b.http.Do(r)
		if err != nil {
			return "", "", err
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			return "", "", err
		}
		next, err := b.next(res, string(body))
		if err != nil {
			return "", "", fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, err)
		}
		if next == nil {
			return res.Request.URL.String(), plainText(string(body)), nil
		}
		if next.URL.Scheme+"://"+next.URL.Host != b.provider {
			return next.URL.String(), "", nil
		}
		r = next
	}
	return "", "", fmt.Errorf("%s: a loop", start)
}

var (
	metaRefresh = regexp.MustCompile(`(?i)<meta http-equiv="refresh" content="0;\s*url=([^"]*)">`)
	titles      = regexp.MustCompile(`(?is)<title>(.*?)</title>`)
	forms       = regexp.MustCompile(`(?is)<form([^>]*)>(.*?)</form>`)
	controls    = regexp.MustCompile(`(?is)<input([^>]*)>|<button([^>]*)>(.*?)</button>`)
	tags        = regexp.MustCompile(`(?s)<style.*?</style>|<[^>]*>`)
)

// attribute reads one of a tag; ok tells an empty one from none.
func attribute(tag, name string) (value string, ok bool) {
	m := regexp.MustCompile(`(?is)\s` + name + `(?:="([^"]*)")?(?:[\s/]|$)`).FindStringSubmatch(tag)
	if m == nil {
		return "", false
	}
	return html.UnescapeString(m[1]), true
}

func plainText(page string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(page, " "))), " ")
}

// next is the request that the browser makes after an answer; nil when the visit has ended.
func (b *browser) next(res *http.Response, body string) (*http.Request, error) {
	if location := res.Header.Get("Location"); location != "" {
		if res.StatusCode == http.StatusTemporaryRedirect || res.StatusCode == http.StatusPermanentRedirect {
			return nil, fmt.Errorf("%s repeats the body, which may hold a password", res.Status)
		}
		return b.get(res, location)
	}
	if t := titles.FindStringSubmatch(body); t != nil {
		b.Pages = append(b.Pages, html.UnescapeString(strings.TrimSpace(t[1])))
	}
	if m := metaRefresh.FindStringSubmatch(body); m != nil {
		return b.get(res, html.UnescapeString(m[1]))
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", res.Status, plainText(body))
	}
	return b.press(res, body)
}

func (b *browser) get(res *http.Response, to string) (*http.Request, error) {
	u, err := res.Request.URL.Parse(to)
	if err != nil {
		return nil, err
	}
	return http.NewRequest(http.MethodGet, u.String(), nil)
}

var (
	yes = regexp.MustCompile(`(?i)\b(allow|approve|sign in|sign out|continue|next|confirm|yes)\b`)
	no  = regexp.MustCompile(`(?i)\b(deny|cancel|no|don.t)\b`)
)

// press fills in the form whose button the user wants, and sends it.
func (b *browser) press(res *http.Response, body string) (*http.Request, error) {
	for _, f := range forms.FindAllStringSubmatch(body, -1) {
		values, buttons := b.fill(f[2])
		wanted := yes
		if b.deny && slices.ContainsFunc(buttons, func(t button) bool { return no.MatchString(t.text + " " + t.value) }) {
			wanted = no
		}
		i := slices.IndexFunc(buttons, func(t button) bool { return wanted.MatchString(t.text + " " + t.value) })
		if i < 0 || b.deny && wanted == yes && strings.Contains(strings.ToLower(buttons[i].text), "allow") {
			continue // of another form of the page
		}
		if buttons[i].name != "" {
			values.Set(buttons[i].name, buttons[i].value)
		}
		action, _ := attribute(f[1], "action")
		u, err := res.Request.URL.Parse(cmp.Or(action, res.Request.URL.RequestURI()))
		if err != nil {
			return nil, err
		}
		r, err := http.NewRequest(http.MethodPost, u.String(), strings.NewReader(values.Encode()))
		if err != nil {
			return nil, err
		}
		if method, _ := attribute(f[1], "method"); !strings.EqualFold(method, "post") {
			return nil, fmt.Errorf("a form by %q", method)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.provider)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		return r, nil
	}
	return nil, nil
}

type button struct{ name, value, text string }

// fill is the values of a form as the user leaves them.
func (b *browser) fill(form string) (values url.Values, buttons []button) {
	values = url.Values{}
	for _, c := range controls.FindAllStringSubmatch(form, -1) {
		tag := c[1] + c[2]
		name, _ := attribute(tag, "name")
		value, _ := attribute(tag, "value")
		kind, _ := attribute(tag, "type")
		_, checked := attribute(tag, "checked")
		_, disabled := attribute(tag, "disabled")
		switch {
		case disabled:
		case c[2] != "" || kind == "submit":
			buttons = append(buttons, button{name, value, plainText(c[3])})
		case name == "username":
			values.Set(name, b.user)
		case kind == "password":
			values.Set(name, passwordOf(b.user))
		case name == "otp":
			values.Set(name, b.code)
		case kind == "checkbox" && !checked, name == "":
		case kind == "checkbox":
			values.Add(name, cmp.Or(value, "on"))
		default:
			values.Add(name, value)
		}
	}
	return values, buttons
}
