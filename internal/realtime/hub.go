package realtime

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sandi-auth/sandi/guard"
)

// Config is what a Hub needs. Guard, Store, News, Logger and Now are required.
type Config struct {
	Guard *guard.Guard // verified the tokens of Arrivals, and verifies those of re-authentication
	Store Store
	News  News
	// Revocations are the Guard's. A sender's token is looked up once more: that it has ended its life hears a moment later. nil asks nobody.
	Revocations guard.Revocations
	Metrics     prometheus.Registerer // nil registers nowhere
	Logger      *slog.Logger
	Now         func() time.Time
	Node        string // this node's name, in message ids: letters and digits

	Channels       []Channel      // of the configuration; those of the store count beside them
	Levels         map[string]int // clearance levels of roles; a token has the highest of its roles', and 0 without one
	DefaultChannel string         // where messages go that name none; "" is nowhere
	Limits         Limits
	ExpiringNotice time.Duration // how long before its token ends a client is told
	DrainTime      time.Duration // over how long the reconnects of a stopping node's clients are spread
}

// Limits bound what clients may use; the configuration says what each is (realtime.max_connections and so on). 0 is no limit.
type Limits struct {
	Connections, PerUser, PerAddress, Channels, Rate int
	// Kept is how many bytes of messages the node keeps for those who come back, of all channels; 0 is 256 MiB. Beyond it messages are kept for
	// a shorter time than their channels say.
	Kept int
	// Exempt are addresses whose sockets PerAddress does not count: this machine, trusted proxies. nil is none.
	Exempt func(address string) bool
}

// Hub is the live sockets of one node. It is safe for concurrent use.
type Hub struct {
	cfg        Config
	origin     string // who this node is in its present life: the node and 8 random characters, so that a restart is another
	started    time.Time
	configured map[string]*definition
	rules      atomic.Pointer[rules]
	metrics    metrics
	recorder   recorder
	refusals   refusals
	storm      storm
	line       line   // notices of presence, in the order of what they tell
	out        outbox // messages on their way
	look       chan struct{}
	nudged     atomic.Bool // other nodes are to look
	moved      atomic.Bool // presence has changed: other nodes are to be told
	unfollow   func()
	never      chan struct{}

	mu       sync.Mutex // guards what follows
	members  map[string]*Member
	subjects map[string][]*Member // in the order of their arrival
	networks map[string]int
	draining bool

	places struct {
		sync.RWMutex // guards what follows
		channels     map[string]*channel
		first        map[string]int // how many have a subject as channel.first
		spent        base           // the highest number that a message had of a channel that was let go of, and the time of the last such
	}
	peers   peers
	failing struct {
		sync.Mutex // guards what follows
		what       map[string]bool
	}
}

// NewHub builds a Hub. It fails for a channel that cannot be.
func NewHub(c Config) (*Hub, error) {
	if c.Guard == nil || c.Store == nil || c.News == nil || c.Logger == nil || c.Now == nil {
		panic("realtime: Config needs Guard, Store, News, Logger and Now")
	}
	if !validNode(c.Node) {
		return nil, fmt.Errorf("realtime: node %.40q: use letters and digits, at most %d", c.Node, maxNode)
	}
	named, err := configured(c.Channels)
	if err != nil {
		return nil, fmt.Errorf("realtime: %w", err)
	}
	h := &Hub{
		cfg: c, origin: c.Node + strings.ToLower(rand.Text()[:8]), started: c.Now().Truncate(time.Millisecond), configured: named, metrics: newMetrics(c.Metrics),
		look: make(chan struct{}, 1), never: make(chan struct{}), members: map[string]*Member{}, subjects: map[string][]*Member{}, networks: map[string]int{},
	}
	h.recorder.metrics, h.refusals.by = &h.metrics, map[string]*refusedFew{}
	h.recorder.full = make(chan struct{}, 1)
	h.places.channels, h.places.first = map[string]*channel{}, map[string]int{}
	h.peers.init()
	h.failing.what = map[string]bool{}
	h.rules.Store(&rules{named: named, version: -1})
	if name := c.DefaultChannel; name != "" && !validName(name) {
		return nil, fmt.Errorf("realtime: default channel %.80q: use 1 to %d letters, digits and - . _ : /", name, maxName)
	}
	h.follow()
	return h, nil
}

const maxNode = 32

func validNode(name string) bool {
	return name != "" && len(name) <= maxNode && strings.IndexFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9')
	}) < 0
}

// DefaultChannel is where messages go that name none; "" is nowhere.
func (h *Hub) DefaultChannel() string { return h.cfg.DefaultChannel }

// Configured says whether a channel, or prefix and /*, is the configuration's, which the store's cannot replace.
func (h *Hub) Configured(name string) bool { return h.configured[name] != nil }

// Publish sends to a channel in the name of the server, also where it is read-only. The error is an *Error, as Member.Publish has it.
func (h *Hub) Publish(ctx context.Context, channel string, data json.RawMessage) (id string, err error) {
	d, err := h.definition(channel)
	if err != nil {
		return "", err
	}
	return h.send(ctx, d, channel, "", data)
}

// definition is what holds for a channel; the error is an *Error.
func (h *Hub) definition(name string) (*definition, error) {
	r := h.rules.Load()
	if d := r.of(name); d != nil {
		return d, nil
	}
	if r.version < 0 {
		return nil, &Error{Code: "temporarily_unavailable", Msg: "channels are not known yet: try again in a second"}
	}
	return nil, &Error{Code: "no_channel", Msg: "there is no such channel"}
}

// Look has all nodes look into the store at once, after PutChannel, RemoveChannel or EndSocket; they do so every second otherwise. It
// does not wait: Run does it.
func (h *Hub) Look(context.Context) {
	h.nudged.Store(true)
	h.lookSoon()
}

func (h *Hub) lookSoon() {
	select {
	case h.look <- struct{}{}:
	default:
	}
}

// reload reads the channels of the store if they have changed, and judges all subscriptions again.
func (h *Hub) reload(ctx context.Context) error {
	version, err := h.cfg.Store.ChannelsVersion(ctx)
	if err != nil || version == h.rules.Load().version {
		return err
	}
	list, version, err := h.cfg.Store.Channels(ctx)
	if err != nil {
		return err
	}
	named := make(map[string]*definition, len(h.configured)+len(list))
	for _, c := range list {
		d, err := newDefinition(c)
		if err != nil {
			h.cfg.Logger.Error("a channel of the store cannot be, and is closed", "channel", c.Name, "error", err)
			continue
		}
		named[c.Name] = d
	}
	for name, d := range h.configured {
		named[name] = d
	}
	h.rules.Store(&rules{named: named, version: version})
	h.redefine()
	for _, m := range h.list() {
		m.judge()
	}
	return nil
}

// endAsked ends the sockets that the store was asked to end.
func (h *Hub) endAsked(ctx context.Context) error {
	h.mu.Lock()
	none := len(h.members) == 0
	h.mu.Unlock()
	if none {
		return nil
	}
	ids, err := h.cfg.Store.SocketsToEnd(ctx, h.cfg.Node)
	for _, id := range ids {
		h.mu.Lock()
		m := h.members[id]
		h.mu.Unlock()
		if m != nil {
			m.end(EndKicked)
		} else {
			h.recorder.ended(id) // its row was written late
		}
	}
	return err
}

// list are the members of now.
func (h *Hub) list() []*Member {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*Member, 0, len(h.members))
	for _, m := range h.members {
		all = append(all, m)
	}
	return all
}
