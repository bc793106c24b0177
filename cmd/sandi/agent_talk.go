package main

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/sandi-auth/sandi/client"
)

// asked is a frame of ours that waits for its answer.
type asked struct {
	what, channel string
	resumes       bool // a subscription from a message on that was seen
}

// talk is one connection of an agent.
type talk struct {
	*agent
	wire     *wire
	welcomed time.Time        // zero before
	waiting  map[string]asked // by ref
	refs     int
	renewAt  <-chan time.Time
	renewals chan renewal
	quit     <-chan time.Time // set when a person is done
}

type renewal struct {
	token client.Token
	err   error
}

// converse talks until the connection ends, which is the error, or a person is done, which is nil.
func (t *talk) converse(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	frames, failed := make(chan []byte), make(chan error, 1)
	go t.listen(ctx, frames, failed)
	defer func() { // in this order: what waits in a read ends by the close, and is waited for
		cancel()
		t.wire.close()
		for range frames {
		}
	}()
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		if t.quit != nil && len(t.waiting) == 0 {
			return nil
		}
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-t.quit:
			return nil
		case err = <-failed:
		case raw := <-frames:
			err = t.hear(raw)
		case line, ok := <-t.typed():
			err = t.line(line, ok)
		case <-ping.C:
			err = t.wire.ping()
		case <-t.renewAt:
			t.renewAt = nil
			go t.fetch(ctx)
		case r := <-t.renewals:
			err = t.present(r)
		}
		if err != nil && t.quit != nil {
			return nil // what was waited for does not come
		}
		if err != nil {
			return err
		}
	}
}

// listen is the connection's one reader.
func (t *talk) listen(ctx context.Context, frames chan<- []byte, failed chan<- error) {
	defer close(frames)
	for {
		raw, err := t.wire.read()
		if err != nil {
			failed <- err
			return
		}
		select {
		case frames <- raw:
		case <-ctx.Done():
			return
		}
	}
}

// typed is what a person types, once the server has let us in.
func (t *talk) typed() <-chan string {
	if t.welcomed.IsZero() || t.quit != nil {
		return nil
	}
	return t.lines
}

// fetch gets the next token while the talk goes on.
func (t *talk) fetch(ctx context.Context) {
	token, err := t.cred.renew(ctx)
	select {
	case t.renewals <- renewal{token, err}:
	case <-ctx.Done():
	}
}

// present shows the newer token, so that the connection outlives the old one. Without one it ends with that, and what helps then is tried then.
func (t *talk) present(r renewal) error {
	if r.err != nil {
		t.screen.note("the connection will end with its token: %s", r.err)
		return nil
	}
	return t.ask(asked{what: "auth"}, map[string]any{"type": "auth", "token": r.token.Access.Reveal()})
}

// ask sends a frame whose answer will be known by its ref.
func (t *talk) ask(a asked, frame map[string]any) error {
	t.refs++
	ref := strconv.Itoa(t.refs)
	frame["ref"] = ref
	raw, err := json.Marshal(frame)
	if err != nil {
		return err
	}
	t.waiting[ref] = a
	return t.wire.text(raw)
}

// join subscribes, from the last message that was seen on.
func (t *talk) join(channel string) error {
	frame := map[string]any{"type": "subscribe", "channel": channel}
	cursor := t.cursors[channel]
	if cursor != "" {
		frame["cursor"] = cursor
	}
	return t.ask(asked{"join", channel, cursor != ""}, frame)
}
