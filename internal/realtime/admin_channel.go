package realtime

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
)

// all are the channels of the configuration and those of the store that it does not have, by name.
func (a *Admin) all(r *http.Request) ([]ChannelDocument, error) {
	stored, _, err := a.Store.Channels(r.Context())
	if err != nil {
		return nil, err
	}
	return Documents(a.Hub.cfg.Channels, stored), nil
}

// changeable refuses what stands in the configuration, from where it would come back.
func (a *Admin) changeable(name string) error {
	if a.Hub.Configured(name) {
		return problem.New(problem.Conflict, "channel_configured")
	}
	return nil
}

func (a *Admin) channels(w http.ResponseWriter, r *http.Request) error {
	list, err := a.all(r)
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, map[string]any{"channels": list})
}

func (a *Admin) channel(w http.ResponseWriter, r *http.Request) error {
	list, err := a.all(r)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(c ChannelDocument) bool { return c.Name == r.PathValue("name") })
	if i < 0 {
		return notFound("no_such_channel", nil)
	}
	return web.JSON(w, http.StatusOK, list[i])
}

// putChannel makes a channel or replaces it as a whole.
func (a *Admin) putChannel(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	body, err := readJSON(w, r) // 4
	if err != nil {
		return err
	}
	if err := a.changeable(name); err != nil { // 5
		return err
	}
	c, err := ParseChannel(name, body)
	if err != nil {
		return wrong("channel_invalid", "", err.Error())
	}
	if err := a.Store.PutChannel(r.Context(), c, a.event(r, audit.ChannelChanged, name)); err != nil { // 6
		return err
	}
	a.Hub.Look(r.Context())
	return web.JSON(w, http.StatusOK, DocumentOf(c, false)) // 7
}

func (a *Admin) removeChannel(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	if err := a.changeable(name); err != nil { // 5
		return err
	}
	if err := a.Store.RemoveChannel(r.Context(), name, a.event(r, audit.ChannelRemoved, name)); err != nil { // 6
		return orNotFound(err, ErrNoChannel, "no_such_channel")
	}
	a.Hub.Look(r.Context())
	w.WriteHeader(http.StatusNoContent) // 7
	return nil
}

// publish sends a message of the server's to everybody in a channel, read-only ones included: POST .../NAME/messages {"data": ...}.
func (a *Admin) publish(w http.ResponseWriter, r *http.Request) error {
	name, ok := strings.CutSuffix(r.PathValue("name"), "/messages")
	if !ok {
		return notFound("not_found", nil)
	}
	body, err := readJSON(w, r) // 4
	if err != nil {
		return err
	}
	var in struct {
		Data json.RawMessage `json:"data"`
	}
	if err := readStrict(body, &in); err != nil {
		return wrong("message_invalid", "", err.Error())
	}
	if err := web.Required("data", string(in.Data)); err != nil {
		return err
	}
	id, err := a.Hub.Publish(r.Context(), name, in.Data) // 5, 6
	if err != nil {
		return announced(err)
	}
	e := a.event(r, audit.ChannelMessage, name)
	e.Detail["id"] = id
	if err := a.Store.Audit(r.Context(), e); err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, map[string]string{"id": id}) // 7
}

// announced is the answer to what a hub refuses.
func announced(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	switch e.Code {
	case "no_channel":
		return notFound("no_such_channel", err)
	case "too_large":
		return problem.Wrap(problem.TooLarge, "message_too_large", err)
	case "unavailable", "temporarily_unavailable":
		return problem.Wrap(problem.Unavailable, "temporarily_unavailable", err)
	}
	return wrong("message_invalid", e.Path, e.Msg)
}

// wrong is a 400 whose sentence says the reason, in English: it names fields and keywords.
func wrong(sentence, field, reason string) error {
	e := problem.New(problem.Invalid, "invalid_request")
	e.Sentence, e.Field, e.Params = sentence, field, map[string]string{"reason": reason}
	return e
}

func (a *Admin) event(r *http.Request, action audit.Action, channel string) audit.Event {
	return audit.Event{Action: action, From: a.from(r), Detail: map[string]string{"channel": channel}}
}

// orNotFound is err, or a 404 with a sentence where it is none.
func orNotFound(err, none error, sentence string) error {
	if errors.Is(err, none) {
		return notFound(sentence, err)
	}
	return err
}

// readJSON is a body of web.MaxBody at most; the members of schemas and messages are not counted, as web.Decode counts them.
func readJSON(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return nil, problem.Wrap(problem.UnsupportedMedia, "unsupported_media_type", err)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, web.MaxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, problem.New(problem.TooLarge, "body_too_large")
	}
	if err != nil {
		return nil, problem.Wrap(problem.Invalid, "invalid_request", err)
	}
	return body, nil
}
