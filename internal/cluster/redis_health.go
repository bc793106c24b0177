package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// errAway is the cause where Redis was not even asked.
var errAway = errors.New("redis is away")

// call runs a script on one key, or says that Redis did not answer: then the caller
// counts here. See run for kinds.
func (r *Redis) call(ctx context.Context, s *redis.Script, kinds, key string, args ...any) (p reply, ok bool) {
	err := r.ask(ctx, func(ctx context.Context) (err error) {
		p, err = r.run(ctx, s, kinds, key, args...)
		return err
	})
	return p, err == nil
}

// run fails unless the script returns a value of each of kinds: d is a number, s a text.
func (r *Redis) run(ctx context.Context, s *redis.Script, kinds, key string, args ...any) (reply, error) {
	p, err := s.Run(ctx, r.client, []string{key}, args...).Slice()
	if err != nil {
		return nil, err
	}
	got := make([]byte, len(p))
	for i := range p {
		switch p[i].(type) {
		case int64:
			got[i] = 'd'
		case string:
			got[i] = 's'
		default:
			got[i] = '?'
		}
	}
	if string(got) != kinds {
		return nil, fmt.Errorf("a script returned values other than %q", kinds)
	}
	return p, nil
}

// ask puts a question to Redis, unless that is known to be away. A caller who
// has gone does not end it: else he who hangs up early would be counted by this
// node alone. His deadline does, and is no fault of Redis.
func (r *Redis) ask(ctx context.Context, question func(context.Context) error) error {
	if r.away.Load() {
		r.lost.Add(1)
		return errAway
	}
	until := time.Now().Add(r.timeout)
	theirs, ok := ctx.Deadline()
	hurried := ok && theirs.Before(until)
	if hurried {
		until = theirs
	}
	bounded, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
	defer cancel()
	err := func() (err error) {
		defer survive(&err)
		return question(bounded)
	}()
	if err != nil {
		r.lost.Add(1)
		if !hurried || time.Now().Before(until) {
			r.lose(err)
		}
	}
	return err
}

// lose turns calls away from Redis until a probe succeeds. It is logged once, and
// again when only a later failure tells what to do: a new password begins with
// connections that end.
func (r *Redis) lose(err error) {
	first, hint := r.away.CompareAndSwap(false, true), hintFor(err)
	if first || hint != noHint && hint != *r.hint.Load() {
		r.hint.Store(&hint)
		r.log.Error("redis does not serve; limits are counted by each node, news go through the database", "error", err, "hint", hint)
	}
}

const noHint = "none needed if it comes back; check cluster.url otherwise"

func hintFor(err error) string {
	for prefix, hint := range map[string]string{
		"NOAUTH":    "set cluster.password_file",
		"WRONGPASS": "check the user in cluster.url and cluster.password_file",
		"NOPERM":    "allow the commands, keys and channels that docs name to the user in cluster.url",
		"READONLY":  "cluster.url names a replica: name the primary",
		"OOM":       "raise maxmemory of Redis",
		"MOVED":     "Redis Cluster is not supported: name one server in cluster.url",
	} {
		if redis.HasErrorPrefix(err, prefix) {
			return hint
		}
	}
	return noHint
}

// watch probes Redis until ctx ends. It does so while calls succeed too, so that
// on a quiet node no request has to find out that Redis has gone.
func (r *Redis) watch(ctx context.Context) {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		switch err := r.probe(ctx); {
		case ctx.Err() != nil:
			return
		case err != nil:
			r.lose(err)
		case r.away.CompareAndSwap(true, false):
			r.log.Info("redis serves again")
		}
	}
}

// probe fails unless Redis does what calls need, in the time that they have:
// a replica and a full server answer a ping. Connecting may take longer.
func (r *Redis) probe(ctx context.Context) (err error) {
	defer survive(&err)
	connect, cancel := context.WithTimeout(ctx, max(connectTime, r.timeout))
	defer cancel()
	if err := r.client.Ping(connect).Err(); err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	_, err = r.run(within, r.take, "dd", r.key("rate", "probe by "+r.node), 1, 1, 0)
	return err
}
