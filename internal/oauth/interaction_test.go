package oauth

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/problem"
)

// answeredRequests is a store whose requests have all been answered.
type answeredRequests struct {
	Store
	t *testing.T
}

func (answeredRequests) DropRequest(context.Context, string, Hash) error { return ErrNotFound }

func (s answeredRequests) KeepRequest(context.Context, string, Hash, []byte, time.Time) error {
	s.t.Error("the request was brought back")
	return nil
}

// A request that was answered in one tab while its user signed in for it in another is not brought back to be answered twice.
func TestAnsweredRequestStaysSo(t *testing.T) {
	t.Parallel()
	e := &Endpoint{Config: Config{Store: answeredRequests{t: t}}}
	if err := e.keepAgain(t.Context(), Pending{ID: "x"}); !errors.Is(err, problem.NotFound) {
		t.Errorf("got %v", err)
	}
}
