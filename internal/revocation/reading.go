package revocation

import "context"

// reading reads a store page by page, the next while its caller works on this one: reading costs twice what is done
// with it, and a node that starts reads a million entries.
type reading struct {
	store Store
	after int64            // that the next page is read after,
	next  chan readingPage // from here; nil where none is
	end   context.CancelFunc
}

type readingPage struct {
	Page
	err error
}

// page is at most loadSize entries after seq.
func (r *reading) page(ctx context.Context, after int64) (Page, error) {
	var p readingPage
	if r.next != nil && r.after == after {
		p = <-r.next
		r.end()
		r.next = nil
	} else {
		r.stop()
		p.Page, p.err = r.store.Revocations(ctx, after, loadSize)
	}
	if n := len(p.Entries); p.err == nil && n == loadSize {
		r.begin(ctx, p.Entries[n-1].Seq)
	}
	return p.Page, p.err
}

func (r *reading) begin(ctx context.Context, after int64) {
	ctx, r.end = context.WithCancel(ctx)
	next := make(chan readingPage, 1)
	r.after, r.next = after, next
	go func() {
		p, err := r.store.Revocations(ctx, after, loadSize)
		next <- readingPage{p, err}
	}()
}

// stop waits for the page that nobody wants.
func (r *reading) stop() {
	if r.next != nil {
		r.end()
		<-r.next
		r.next = nil
	}
}
