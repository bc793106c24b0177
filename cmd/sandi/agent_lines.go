package main

import (
	"encoding/json"
	"strings"
	"time"
)

const agentHelp = "/join CHANNEL, /leave CHANNEL, /who [CHANNEL], /json JSON, /quit; anything else is sent, // for what begins with a slash"

// line acts on what was typed; without ok there will be no more.
func (t *talk) line(text string, ok bool) error {
	if !ok {
		if t.lines = nil; t.endsIt {
			t.done()
		}
		return nil
	}
	word, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	rest = strings.TrimSpace(rest)
	switch {
	case word == "":
		return nil
	case strings.HasPrefix(word, "//"):
		return t.send(text[strings.Index(text, "//")+1:])
	case !strings.HasPrefix(word, "/"):
		return t.send(text)
	case word == "/quit":
		t.done()
		return nil
	case word == "/join" && rest != "":
		t.current = rest
		return t.join(rest)
	case word == "/leave" && rest != "":
		return t.ask(asked{what: "leave", channel: rest}, map[string]any{"type": "unsubscribe", "channel": rest})
	case word == "/who" && rest+t.current != "":
		if rest == "" {
			rest = t.current
		}
		return t.ask(asked{what: "who", channel: rest}, map[string]any{"type": "presence", "channel": rest})
	case word == "/json" && json.Valid([]byte(rest)):
		return t.publish(json.RawMessage(rest))
	case word == "/json":
		t.screen.note("not sent: that is no JSON")
		return nil
	}
	t.screen.note("%s", agentHelp)
	return nil
}

func (t *talk) send(text string) error {
	raw, err := json.Marshal(text)
	if err != nil {
		return err
	}
	return t.publish(raw)
}

func (t *talk) publish(data json.RawMessage) error {
	frame := map[string]any{"type": "publish", "data": data}
	if t.current != "" {
		frame["channel"] = t.current
	}
	return t.ask(asked{what: "send", channel: t.current}, frame)
}

// done waits a little for the answers to what was sent.
func (t *talk) done() { t.quit = time.After(3 * time.Second) }
