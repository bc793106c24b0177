package realtime

import (
	"context"
	"net/http"
	"strconv"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
)

// AdminStore is what the management API and the command line need of the store beside Store.
type AdminStore interface {
	Store
	// SocketsOf is Sockets of one subject.
	SocketsOf(ctx context.Context, subject, after string, limit int) ([]SocketView, error)
	// Audit appends an event that changes nothing else.
	Audit(ctx context.Context, e audit.Event) error
}

// AdminConfig is what the management API needs. All of it is required.
type AdminConfig struct {
	Hub   *Hub
	Store AdminStore
	Web   *web.Web     // the chain that it is mounted in
	Guard *guard.Guard // of access tokens
}

// Admin is the management API of live sockets and their channels: /api/admin/sockets and /api/admin/channels. Every route asks for an
// access token in the Authorization header, of somebody with account.AdminRole.
type Admin struct{ AdminConfig }

// NewAdmin builds the API. It panics where a part is missing.
func NewAdmin(c AdminConfig) *Admin {
	if c.Hub == nil || c.Store == nil || c.Web == nil || c.Guard == nil {
		panic("realtime: NewAdmin needs Hub, Store, Web and Guard")
	}
	return &Admin{c}
}

// Routes mounts the API.
func (a *Admin) Routes(mux *http.ServeMux) {
	// No cookie: a browser would send it for a page of another port too.
	require := a.Guard.Require(guard.Role(account.AdminRole), guard.From(guard.FromHeader()))
	handle := func(pattern string, h web.Handler) { mux.Handle(pattern, require(a.Web.Handle(h))) }
	handle("GET /api/admin/sockets", a.sockets)
	handle("DELETE /api/admin/sockets/{id}", a.endSocket)
	handle("GET /api/admin/channels", a.channels)
	handle("GET /api/admin/channels/{name...}", a.channel)
	handle("PUT /api/admin/channels/{name...}", a.putChannel)
	handle("DELETE /api/admin/channels/{name...}", a.removeChannel)
	handle("POST /api/admin/channels/{name...}", a.publish) // /messages stands at the end of the name
}

// from says who asks, from where, for the audit log.
func (a *Admin) from(r *http.Request) audit.From {
	return audit.From{
		Address: web.Address(r.Context()), UserAgent: web.UserAgent(r), RequestID: web.RequestID(r.Context()),
		Actor: guard.Identity(r.Context()).Subject(),
	}
}

func notFound(sentence string, cause error) error {
	e := problem.Wrap(problem.NotFound, "not_found", cause)
	e.Sentence = sentence
	return e
}

// Pages of sockets.
const (
	pageLimit = 100
	pageMost  = 1000
)

// sockets lists live sockets of all nodes, by id: ?sub= those of one subject, ?limit= so many, ?after= those behind an id, which the page
// before names as next.
func (a *Admin) sockets(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	limit := pageLimit
	if s := q.Get("limit"); s != "" { // 4
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > pageMost {
			return problem.InvalidField("limit", "limit_range")
		}
		limit = n
	}
	var list []SocketView
	var err error
	if sub := q.Get("sub"); sub != "" {
		list, err = a.Store.SocketsOf(r.Context(), sub, q.Get("after"), limit)
	} else {
		list, err = a.Store.Sockets(r.Context(), q.Get("after"), limit)
	}
	if err != nil {
		return err
	}
	out := struct {
		Sockets []SocketView `json:"sockets"`
		Next    string       `json:"next,omitempty"`
	}{Sockets: append([]SocketView{}, list...)}
	if len(list) == limit {
		out.Next = list[limit-1].ID
	}
	return web.JSON(w, http.StatusOK, out) // 7
}

// endSocket has a socket closed by its node, within a second. Its client may come back: what keeps it out is the end of its session.
func (a *Admin) endSocket(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	err := a.Store.EndSocket(r.Context(), id, audit.Event{ // 6
		Action: audit.SocketKicked, From: a.from(r), Detail: map[string]string{"socket": id},
	})
	if err != nil {
		return orNotFound(err, ErrNoSocket, "no_such_socket")
	}
	a.Hub.Look(r.Context())
	w.WriteHeader(http.StatusNoContent) // 7
	return nil
}
