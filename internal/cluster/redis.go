package cluster

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// DefaultTimeout is how long a call waits for Redis at most.
	DefaultTimeout = 100 * time.Millisecond
	// connectTime is how long making a connection may take, where no request waits for it.
	connectTime = time.Second
	// probeEvery is how often the background looks whether Redis serves.
	probeEvery = 500 * time.Millisecond
	// leastSecret is what HMAC-SHA-256 is worth, in bytes.
	leastSecret = 32
)

// RedisConfig is what OpenRedis needs. URL, Secret and Now are required.
type RedisConfig struct {
	// URL is redis://[USER[:PASSWORD]@]HOST[:6379][/DATABASE], or rediss:// for TLS,
	// whose certificate is checked. It names one server, or the primary of several.
	URL      string
	Password string // instead of one in URL
	// Prefix begins all keys and channels; default "sandi". Deployments on one Redis differ in it.
	Prefix string
	// Secret is the same on all nodes, at least 32 random bytes, and known to nobody
	// else. With another one keys are others, and news are taken for forged.
	Secret  []byte
	Timeout time.Duration // of each call; default DefaultTimeout
	Logger  *slog.Logger  // default slog.DiscardHandler
	Now     func() time.Time
}

// Redis counts and publishes for all nodes. See the package comment for what it
// guarantees. It is safe for concurrent use.
type Redis struct {
	hub
	client   *redis.Client
	prefix   string
	node     string // random: who this process is
	keyMAC   []byte
	newsMAC  []byte
	timeout  time.Duration
	now      func() time.Time
	log      *slog.Logger
	local    *Memory
	away     atomic.Bool // true: calls are answered by local
	lost     atomic.Uint64
	hint     atomic.Pointer[string] // logged last
	shutdown func()
	parts    sync.WaitGroup // what shutdown ends

	take, try, undo, forget *redis.Script
}

// OpenRedis reads the configuration, whose faults have a Hint() and never repeat
// the URL, and tries to reach Redis for a second. When that does not serve, for
// whatever reason, it is logged, and limits are local until it does.
func OpenRedis(ctx context.Context, c RedisConfig) (*Redis, error) {
	if len(c.Secret) < leastSecret || c.Now == nil {
		panic("cluster: OpenRedis needs Now and a Secret of 32 bytes")
	}
	c = redisDefaults(c)
	options, err := redisOptions(c)
	if err != nil {
		return nil, err
	}
	redis.SetLogger(silent{}) // it would write to standard error; we log ourselves
	r := &Redis{
		client: redis.NewClient(options), prefix: c.Prefix + ":", node: rand.Text()[:16], timeout: c.Timeout, now: c.Now, log: c.Logger,
		keyMAC: derive(c.Secret, "sandi cluster keys"), newsMAC: derive(c.Secret, "sandi cluster news"), local: NewMemory(c.Now),
		take: redis.NewScript(takeScript), try: redis.NewScript(tryScript),
		undo: redis.NewScript(undoScript), forget: redis.NewScript(forgetScript),
	}
	r.hint.Store(new(string))
	if err := r.probe(ctx); err != nil {
		r.lose(err)
	}
	ctx, r.shutdown = context.WithCancel(context.WithoutCancel(ctx))
	r.parts.Go(func() { r.watch(ctx) })
	r.parts.Go(func() { r.listen(ctx) })
	return r, nil
}

// derive makes the key of one purpose.
func derive(secret []byte, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, purpose, sha256.Size)
	if err != nil {
		panic("cluster: derive a key: " + err.Error()) // only for a length above 255 hashes
	}
	return key
}

// silent is a logger of go-redis.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// SetNodes says how many nodes are alive, by which limits are divided while Redis
// is away: of a Rate's Burst and of a Backoff's Free tries each node then allows
// one n-th, at least one, and it refills n times slower. Less than 1 counts as 1,
// the value at first.
func (r *Redis) SetNodes(n int) { r.local.SetNodes(n) }

// Healthy says whether Redis serves, as far as is known.
func (r *Redis) Healthy() bool { return !r.away.Load() }

// Lost is how many calls were not served by Redis.
func (r *Redis) Lost() uint64 { return r.lost.Load() }

// Len is how many keys this node knows, for metrics.
func (r *Redis) Len() int { return r.local.Len() }

// Close ends the connections and returns when no handler runs any more; a handler
// must not call it. Calls go on, on local limits.
func (r *Redis) Close() error {
	r.away.Store(true)
	r.shutdown()
	r.parts.Wait()
	r.hub.close()
	return r.client.Close()
}
