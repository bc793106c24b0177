package console

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
)

//go:embed templates/*.html
var templates embed.FS

//go:embed locales/*.json
var locales embed.FS

// Languages of the pages, as guard.Language names them.
var languages = []string{"en", "id", "zh-Hant"}

// texts are the pages' own words and templates, of each language.
type texts map[string]language

type language struct {
	words map[string]string
	pages func() (*template.Template, error) // in these words; made at their first use
}

// loadTexts parses everything once, so that what is broken is found at the start. A language that nobody reads costs no templates.
func loadTexts() (texts, error) {
	unsaid := template.FuncMap{"t": language{}.say, "when": when, "stamp": stamp}
	parsed, err := template.New("pages").Funcs(unsaid).ParseFS(templates, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse pages: %w", err)
	}
	all := texts{}
	for _, tag := range languages {
		raw, err := locales.ReadFile("locales/" + tag + ".json")
		if err != nil {
			return nil, fmt.Errorf("read catalogue: %w", err)
		}
		l := language{}
		if err := json.Unmarshal(raw, &l.words); err != nil {
			return nil, fmt.Errorf("read catalogue %s: %w", tag, err)
		}
		l.pages = sync.OnceValues(func() (*template.Template, error) {
			own, err := parsed.Clone()
			if err != nil {
				return nil, err
			}
			return own.Funcs(template.FuncMap{"t": l.say}), nil
		})
		all[tag] = l
	}
	return all, nil
}

// render writes the page of that name.
func (l language) render(w io.Writer, name string, data any) error {
	pages, err := l.pages()
	if err != nil {
		return err
	}
	return pages.ExecuteTemplate(w, name, data)
}

// say is the words of key, filled with args; the tests see that all keys exist in all languages.
func (l language) say(key string, args ...any) (string, error) {
	words, ok := l.words[key]
	if !ok {
		return "", fmt.Errorf("no words for %q", key)
	}
	if len(args) == 0 {
		return words, nil
	}
	return fmt.Sprintf(words, args...), nil
}

// when is a time as people of all languages read it, and stamp as machines do.
func when(t time.Time) string  { return t.UTC().Format("2006-01-02 15:04") + " UTC" }
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// say is the words of key in the caller's language.
func (c *Console) say(r *http.Request, key string, args ...any) (string, error) {
	return c.texts[guard.Language(r)].say(key, args...)
}

// view is one page to be shown.
type view struct {
	name   string // of its template; its title is the words of name.title, unless title names others
	title  string
	status int
	wide   bool
	data   any
}

// show renders a view in the caller's language.
func (c *Console) show(w http.ResponseWriter, r *http.Request, v view) error {
	if v.title == "" {
		v.title = v.name + ".title"
	}
	title, err := c.say(r, v.title)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if err := c.texts[guard.Language(r)].render(&body, v.name, v.data); err != nil {
		return fmt.Errorf("render page %s: %w", v.name, err)
	}
	c.Web.Page(w, r, web.Page{Status: v.status, Title: title, Body: template.HTML(body.String()), Wide: v.wide})
	return nil
}

// frame is what the data of every page with a form begins with.
type frame struct {
	CSRF   string
	Fault  *fault
	Notice string // words that say what was done
}

// fault is what was wrong with a form, and the field that it leads to.
type fault struct{ Text, Field string }

// mine is the fault of a field in the pages' own words.
func (c *Console) mine(r *http.Request, field, key string) (*fault, error) {
	text, err := c.say(r, key)
	return &fault{text, field}, err
}

// faultOf is the fault that err is to who filled in the form, and its status; what is no fault of theirs is err again. The sentence names the
// wait where there is one.
func (c *Console) faultOf(w http.ResponseWriter, r *http.Request, err error, field string) (*fault, int, error) {
	e := problem.From(err)
	if e.Kind == problem.Internal {
		return nil, 0, err
	}
	c.Web.Note(r, e)
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((e.RetryAfter+time.Second-1)/time.Second)))
	}
	if e.Field != "" {
		field = e.Field
	}
	return &fault{c.Web.Explain(r, e), field}, web.PageStatus(e.Kind), nil
}
