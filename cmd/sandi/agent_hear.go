package main

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// agentFrame is what a server sends: all types in one (see docs/guides/sockets.md).
type agentFrame struct {
	Type       string          `json:"type"`
	Ref        string          `json:"ref"`
	Sub        string          `json:"sub"`
	Channel    string          `json:"channel"`
	Channels   []agentFrame    `json:"channels"`
	Cursor     string          `json:"cursor"`
	Complete   bool            `json:"complete"`
	Presence   []agentPresent  `json:"presence"`
	Joined     *bool           `json:"joined"`
	Reason     string          `json:"reason"`
	ID         string          `json:"id"`
	From       string          `json:"from"`
	At         time.Time       `json:"at"`
	Data       json.RawMessage `json:"data"`
	ExpiresIn  float64         `json:"expires_in"`  // seconds
	RetryAfter float64         `json:"retry_after"` // seconds
	Code       string          `json:"code"`
	Msg        string          `json:"msg"`
	Path       string          `json:"path"`
}

type agentPresent struct {
	Subject string `json:"sub"`
	Sockets int    `json:"sockets"`
}

// hear acts on what the server says.
func (t *talk) hear(raw []byte) error {
	var f agentFrame
	if json.Unmarshal(raw, &f) != nil {
		return nil // of a later version, or none
	}
	about, answers := t.waiting[f.Ref]
	delete(t.waiting, f.Ref)
	if f.Type == "message" && !t.fresh(f.ID) {
		return nil
	}
	if t.screen.asJSON {
		if err := t.screen.frame(raw); err != nil {
			return err
		}
	}
	switch f.Type {
	case "welcome":
		return t.welcome(&f)
	case "message":
		if !t.resuming(f.Channel) {
			t.cursors[f.Channel] = cmp.Or(f.Cursor, t.cursors[f.Channel])
		}
		if !t.screen.asJSON {
			return t.screen.say(&f)
		}
	case "subscribed":
		t.subscribed(&f, about)
	case "unsubscribed":
		t.left(f.Channel, f.Reason)
	case "presence":
		t.presence(&f)
	case "auth_expiring":
		// Sooner or later than others, so that not all come at once; and not at once, or a token of seconds would be renewed without end.
		t.renewAt = t.after(time.Duration(f.ExpiresIn * (0.3 + 0.4*fraction()) * float64(time.Second)))
	case "going_away":
		t.away = min(time.Duration(f.RetryAfter*float64(time.Second)), 10*time.Minute)
		t.screen.note("the server is going away")
	case "error":
		t.refusedFrame(&f, about, answers)
	}
	return nil
}

// welcome joins what was joined before. A channel that the server joins us to by itself is among them from then on.
func (t *talk) welcome(f *agentFrame) error {
	t.welcomed = time.Now()
	t.screen.note("connected as %s", f.Sub)
	for _, c := range f.Channels {
		if t.cursors[c.Channel] == "" { // nothing to resume
			t.joined(c.Channel, c.Cursor)
		}
	}
	t.current = cmp.Or(t.current, strings.Join(t.channels[:min(1, len(t.channels))], ""))
	for _, name := range t.channels {
		if slices.ContainsFunc(f.Channels, func(c agentFrame) bool { return c.Channel == name && c.Cursor == t.cursors[name] }) {
			continue
		}
		if err := t.join(name); err != nil {
			return err
		}
	}
	if t.typedOff == "" {
		return nil
	}
	line := t.typedOff
	t.typedOff = ""
	return t.line(line, true)
}

// resuming says that what was said since the last connection may still be to come: until it has, a message that is said now must not
// move the place to resume from.
func (t *talk) resuming(channel string) bool {
	if t.welcomed.IsZero() {
		return true
	}
	for _, a := range t.waiting {
		if a.resumes && a.channel == channel {
			return true
		}
	}
	return false
}

func (t *talk) joined(channel, cursor string) {
	t.cursors[channel] = cursor
	if !slices.Contains(t.channels, channel) {
		t.channels = append(t.channels, channel)
	}
}

func (t *talk) subscribed(f *agentFrame, about asked) {
	if about.resumes && !f.Complete {
		t.screen.note("%s: something was missed", f.Channel)
	}
	t.joined(f.Channel, f.Cursor)
	t.screen.note("joined %s%s", f.Channel, also(f.Presence))
}

// left forgets a channel, so that the next connection does not join it.
func (t *talk) left(channel, reason string) {
	t.channels = slices.DeleteFunc(t.channels, func(c string) bool { return c == channel })
	delete(t.cursors, channel)
	if t.current == channel {
		t.current = ""
	}
	if reason != "" {
		reason = ": " + reason
	}
	t.screen.note("left %s%s", channel, reason)
}

func (t *talk) presence(f *agentFrame) {
	switch {
	case f.Joined == nil:
		t.screen.note("in %s%s", f.Channel, also(f.Presence))
	case *f.Joined:
		t.screen.note("%s has come to %s", f.Sub, f.Channel)
	default:
		t.screen.note("%s has left %s", f.Sub, f.Channel)
	}
}

// also lists who is there.
func also(present []agentPresent) string {
	var names []string
	for _, p := range present {
		names = append(names, p.Subject)
	}
	if len(names) == 0 {
		return ""
	}
	return ", with " + strings.Join(names, ", ")
}

// refusedFrame tells of a frame of ours that was not accepted.
func (t *talk) refusedFrame(f *agentFrame, about asked, answers bool) {
	why := cmp.Or(f.Msg, f.Code)
	if f.Path != "" {
		why += " (at " + f.Path + ")"
	}
	switch {
	case !answers:
		t.screen.note("the server says: %s", why)
	case about.what == "join":
		t.screen.note("cannot join %s: %s", about.channel, why)
		t.channels = slices.DeleteFunc(t.channels, func(c string) bool { return c == about.channel })
	case about.what == "auth":
		t.screen.note("the newer token was refused: %s", why)
	default:
		t.screen.note("not done (%s): %s", about.what, why)
	}
}
