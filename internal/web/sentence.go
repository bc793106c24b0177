package web

import (
	"embed"
	"encoding/json"
	"net/http"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"github.com/sandi-auth/sandi/guard"
)

//go:embed locales/*.json
var locales embed.FS

// catalogue holds the sentences in the three languages; all are parsed when a server starts, so that a
// broken one is found there and not in a request.
type catalogue struct {
	languages map[string]*i18n.Localizer
}

// Languages are what the sentences are written in; the first one stands in for all others.
var languages = []string{"en", "id", "zh-Hant"}

func newCatalogue() *catalogue {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	c := &catalogue{languages: map[string]*i18n.Localizer{}}
	for _, tag := range languages {
		if _, err := bundle.LoadMessageFileFS(locales, "locales/"+tag+".json"); err != nil {
			panic("web: " + err.Error()) // embedded: the tests read all of them
		}
	}
	for _, tag := range languages {
		c.languages[tag] = i18n.NewLocalizer(bundle, tag)
	}
	return c
}

// Sentence is the message id in the caller's language (Accept-Language as the guard reads it), filled with params.
// An id that the catalogue lacks is answered with the general sentence of a fault.
func (s *Web) Sentence(r *http.Request, id string, params map[string]string) string {
	l := s.catalogue.languages[guard.Language(r)]
	if text, err := l.Localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: params}); err == nil {
		return text
	}
	return l.MustLocalize(&i18n.LocalizeConfig{MessageID: "server_error", TemplateData: params})
}
