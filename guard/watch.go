package guard

import (
	"context"
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
	by    [watchedBy]map[string]*watch // the last who came to watch a handle; the others hang on it
	stale *time.Timer                  // looks whether the list is; nil while nobody watches
}

// What a token is watched by: the handles of each kind, and for what concerns all tokens "".
const (
	watchSession = iota
	watchToken
	watchUser // and roles, which have the same handle
	watchClient
	watchKey
	watchAll
	watchedBy // how many there are
)

// watch is in a list with the others of each of its handles: most handles have one watcher, and a
// set for each would cost a live socket more memory than its token does.
type watch struct {
	token      *Token
	revoked    func()
	watching   bool
	prev, next [watchedBy]*watch
}

// handles are what x is watched by; "" is nothing, but for watchAll.
func (x *watch) handles() [watchedBy]string {
	t := x.token
	return [...]string{watchSession: t.Session(), watchToken: t.ID(), watchUser: t.Subject(), watchClient: t.ClientID(), watchKey: t.KeyID(), watchAll: ""}
}

func (w *watchers) add(l *RevocationList, x *watch) {
	handles := x.handles()
	w.mu.Lock()
	defer w.mu.Unlock()
	if x.watching = true; w.list == nil { // set once: it is read without the lock
		w.list = l
	}
	for i, h := range handles {
		if h == "" && i != watchAll {
			continue
		}
		if w.by[i] == nil {
			w.by[i] = map[string]*watch{}
		}
		if x.next[i] = w.by[i][h]; x.next[i] != nil {
			x.next[i].prev[i] = x
		}
		w.by[i][h] = x
	}
	if w.stale == nil && l.maxStaleness > 0 {
		w.stale = time.AfterFunc(staleCheck, w.checkStale)
	}
}

func (w *watchers) remove(x *watch) {
	handles := x.handles()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !x.watching {
		return
	}
	for i, h := range handles {
		prev, next := x.prev[i], x.next[i]
		if next != nil {
			next.prev[i] = prev
		}
		switch {
		case prev != nil:
			prev.next[i] = next
		case next != nil:
			w.by[i][h] = next
		default:
			delete(w.by[i], h)
		}
	}
	x.watching, x.prev, x.next = false, [watchedBy]*watch{}, [watchedBy]*watch{}
	if len(w.by[watchAll]) == 0 && w.stale != nil {
		w.stale.Stop()
		w.stale = nil
	}
}

// notify tells those whose token an entry stops. The entries are in the list: who registers too
// late to be found here finds them there.
func (w *watchers) notify(es []RevocationEntry) {
	var found []*watch
	for _, e := range es {
		switch e.Kind {
		case RevokedSession:
			found = w.find(found, watchSession, e.Handle)
		case RevokedToken:
			found = w.find(found, watchToken, e.Handle)
		case RevokedUser, RevokedRoles:
			found = w.find(found, watchUser, e.Handle)
		case RevokedClient:
			found = w.find(found, watchClient, e.Handle)
		case RevokedKey:
			found = w.find(found, watchKey, e.Handle)
		}
	}
	w.wake(found)
}

// notifyAll tells those whose token no longer counts, after the list was replaced or became stale.
func (w *watchers) notifyAll() { w.wake(w.find(nil, watchAll, "")) }

// find adds those who watch a handle. The lock is held for one handle at a time, so that nobody
// waits for many entries.
func (w *watchers) find(found []*watch, by int, handle string) []*watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	for x := w.by[by][handle]; x != nil; x = x.next[by] {
		found = append(found, x)
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
