package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// healthFails is how many bad answers in a row take an upstream out of the turn; one good answer brings it back.
const healthFails = 2

// watch asks for the health of one upstream until ctx ends.
func (r *route) watch(ctx context.Context, u *upstream) {
	tick := time.NewTicker(r.HealthEvery)
	defer tick.Stop()
	for failed := 0; ; {
		err := r.ask(ctx, u)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			failed = 0
			if u.down.CompareAndSwap(true, false) {
				r.gateway.Logger.Info("upstream is healthy again", "route", r.name, "upstream", u.name)
			}
		default:
			if failed++; failed >= healthFails && u.down.CompareAndSwap(false, true) {
				r.gateway.Logger.Error("upstream is not healthy and gets no requests", "route", r.name, "upstream", u.name, "error", err)
			}
		}
		r.gateway.metrics.up(r, u)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (r *route) ask(ctx context.Context, u *upstream) error {
	ctx, cancel := context.WithTimeout(ctx, min(r.HealthEvery, r.Timeout, dialTime))
	defer cancel()
	at, err := url.Parse(r.HealthPath)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.url.ResolveReference(at).String(), nil)
	if err != nil {
		return err
	}
	resp, err := u.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection is kept
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %d", r.HealthPath, resp.StatusCode)
	}
	return nil
}
