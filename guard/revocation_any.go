package guard

import (
	"context"
	"errors"
	"slices"
)

// AnyRevocation asks several Revocations: a token no longer counts as soon as one of them says so.
// Where one cannot say and none says so, its error is the answer, and the request gets 503. It is a
// Watcher of those that are Watchers; the others Lifetime asks every second, as it does alone. It
// panics without any, or with a nil one, which would let everything through.
func AnyRevocation(rs ...Revocations) Revocations {
	if len(rs) == 0 || slices.Contains(rs, nil) {
		panic("guard: AnyRevocation needs Revocations, none of them nil")
	}
	return anyRevocation(slices.Clone(rs))
}

type anyRevocation []Revocations

var _ Watcher = anyRevocation(nil)

// Revoked implements Revocations.
func (rs anyRevocation) Revoked(ctx context.Context, t *Token) (bool, error) {
	var faults []error
	for _, r := range rs {
		revoked, err := r.Revoked(ctx, t)
		if err != nil {
			faults = append(faults, err)
		} else if revoked {
			return true, nil
		}
	}
	return false, errors.Join(faults...)
}

// Watch implements Watcher.
func (rs anyRevocation) Watch(t *Token, revoked func()) (stop func()) {
	var stops []func()
	for _, r := range rs {
		stops = append(stops, watchFor(r, t, revoked))
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// tells says whether r says by itself whenever its answer changes.
func tells(r Revocations) bool {
	if rs, ok := r.(anyRevocation); ok {
		return !slices.ContainsFunc(rs, func(r Revocations) bool { return !tells(r) })
	}
	_, ok := r.(Watcher)
	return ok
}
