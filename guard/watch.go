package guard

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Watcher is a Revocations that says by itself when its answer changes. Where Config.Revocations is
// none, Lifetime asks it again every second: often enough for what is fetched every few minutes, as
// a Token Status List is, so that a Revocations made of one need be a Watcher only if it is pushed.
type Watcher interface {
	// Watch has revoked called when Revoked begins to answer otherwise than (false, nil) for t, and
	// perhaps again, until stop is called. Ask Revoked after Watch has returned for what was so
	// before; then nothing is missed. revoked is called by another goroutine, which holds no lock
	// that stop takes, and does not block. A struct with a Revoked of its own that embeds a
	// *RevocationList has its Watch too, which tells of the list alone: write one, or name the field.
	Watch(t *Token, revoked func()) (stop func())
}

var _ Watcher = (*RevocationList)(nil)

// watchFor has revoked called when t may be revoked, where r can tell. stop is never nil.
func watchFor(r Revocations, t *Token, revoked func()) (stop func()) {
	if w, ok := r.(Watcher); ok {
		stop = w.Watch(t, revoked)
	}
	if stop == nil {
		stop = func() {}
	}
	return stop
}

// Watch implements Watcher. revoked is called as soon as Add or Reset has made the token count no
// more, and within a second when the list has become stale; whoever adds does not wait for it. A
// call that is under way when stop is called may still come.
func (l *RevocationList) Watch(t *Token, revoked func()) (stop func()) {
	x := &watch{token: t, revoked: revoked}
	l.watchers.add(l, x)
	return func() { l.watchers.remove(x) }
}

// staleCheck is the time between two looks whether a list that is watched has become stale.
const staleCheck = time.Second

// watchers are those who want to know when their token is revoked, by what could revoke it: an
// entry costs a look-up, however many watch.
type watchers struct {
	mu    sync.Mutex // guards what follows
	list  *RevocationList
	by    map[thing]*place // the first who watches it
	stale *time.Timer      // looks whether the list is; nil while nobody watches
}

type watch struct {
	token   *Token
	revoked func()
	places  [6]place // in the order of things; empty after stop
}

// place is a watch's among those who watch the same thing. It is part of the watch, as most things
// are watched by one: a set for each would cost a live socket more memory than its token does.
type place struct {
	of         *watch
	prev, next *place
}

// thing is what an entry can revoke; the zero thing stands for all.
type thing struct {
	kind   RevocationKind
	handle string
}

// things are what a token is watched by. The kinds user and roles have the same handle.
func (x *watch) things() []thing {
	t := x.token
	return slices.DeleteFunc([]thing{
		{RevokedSession, t.Session()},
		{RevokedToken, t.ID()},
		{RevokedUser, t.Subject()},
		{RevokedClient, t.ClientID()},
		{RevokedKey, t.KeyID()},
		{},
	}, func(h thing) bool { return h.kind != "" && h.handle == "" })
}

func (w *watchers) add(l *RevocationList, x *watch) {
	things := x.things()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by == nil {
		w.list, w.by = l, map[thing]*place{}
	}
	for i, h := range things {
		p, first := &x.places[i], w.by[h]
		if p.of, p.next = x, first; first != nil {
			first.prev = p
		}
		w.by[h] = p
	}
	if w.stale == nil && l.maxStaleness > 0 {
		w.stale = time.AfterFunc(staleCheck, w.checkStale)
	}
}

func (w *watchers) remove(x *watch) {
	things := x.things()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, h := range things {
		p := &x.places[i]
		if p.of == nil {
			return // stopped before
		}
		if p.next != nil {
			p.next.prev = p.prev
		}
		switch {
		case p.prev != nil:
			p.prev.next = p.next
		case p.next != nil:
			w.by[h] = p.next
		default:
			delete(w.by, h)
		}
		*p = place{}
	}
	if len(w.by) == 0 && w.stale != nil {
		w.stale.Stop()
		w.stale = nil
	}
}

// notify tells those whose token an entry stops. The entries are in the list: who registers too
// late to be found here finds them there.
func (w *watchers) notify(es []RevocationEntry) {
	var found []*watch
	for _, e := range es {
		h := thing{e.Kind, e.Handle}
		if h.kind == RevokedRoles {
			h.kind = RevokedUser
		}
		found = w.find(found, h)
	}
	w.wake(found)
}

// notifyAll tells those whose token no longer counts, after the list was replaced or became stale.
func (w *watchers) notifyAll() { w.wake(w.find(nil, thing{})) }

// find adds those who watch h. The lock is held for one thing at a time, so that nobody waits for
// many entries.
func (w *watchers) find(found []*watch, h thing) []*watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := w.by[h]; p != nil; p = p.next {
		found = append(found, p.of)
	}
	return found
}

// wake calls those whose token no longer counts: a watermark stops older tokens alone. Adding to
// the list waits for none of them; the goroutine ends when it has called all.
func (w *watchers) wake(found []*watch) {
	if len(found) == 0 {
		return
	}
	go func() {
		for _, x := range found {
			if revoked, err := w.list.Revoked(context.Background(), x.token); revoked || err != nil {
				x.revoked()
			}
		}
	}()
}

// checkStale runs every second while somebody watches.
func (w *watchers) checkStale() {
	if _, err := w.list.Revoked(context.Background(), nil); err != nil {
		w.notifyAll()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stale != nil {
		w.stale.Reset(staleCheck)
	}
}
