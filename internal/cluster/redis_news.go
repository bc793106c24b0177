package cluster

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// listenEvery is how often a subscription is asked whether it is alive, and tried anew when it is not.
	listenEvery = time.Second
	// newsLife is how old a message may be, and how far nodes' clocks may lie apart.
	newsLife = time.Minute
	// newsHead is the length of MAC, time in milliseconds and node before a message.
	newsHead = sha256.Size + 8 + 16
	// longestNews is how long a message may be, in bytes: a longer one would end the
	// connections of the nodes that receive it.
	longestNews = longestBulk - newsHead
)

// Publish hands message to all subscribers of topic: those of this process
// whatever becomes of Redis, those of other nodes through it, unless it is longer
// than 65,480 bytes. Topics are no place for names: Redis sees them. The error says that other nodes may not have got it;
// as a message is a hint, there is nothing to do about it.
func (r *Redis) Publish(ctx context.Context, topic string, message []byte) error {
	r.deliver(topic, message)
	if len(message) > longestNews {
		return fmt.Errorf("publish to %s: the message has %d bytes, and may have %d", topic, len(message), longestNews)
	}
	err := r.ask(ctx, func(ctx context.Context) error {
		return r.client.Publish(ctx, r.prefix+topic, r.seal(topic, message)).Err()
	})
	if err != nil {
		return fmt.Errorf("publish to %s: %w", topic, err)
	}
	return nil
}

// seal puts MAC, time and node before a message, for who can write to Redis must
// not be able to end sessions or close sockets. He can repeat, for a minute, what
// a node has said.
func (r *Redis) seal(topic string, message []byte) []byte {
	frame := make([]byte, sha256.Size, newsHead+len(message))
	frame = binary.BigEndian.AppendUint64(frame, uint64(r.now().UnixMilli()))
	frame = append(frame, r.node...)
	frame = append(frame, message...)
	copy(frame, r.mac(topic, frame[sha256.Size:]))
	return frame
}

func (r *Redis) mac(topic string, sealed []byte) []byte {
	mac := hmac.New(sha256.New, r.newsMAC)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(r.prefix+topic))))
	mac.Write([]byte(r.prefix + topic))
	mac.Write(sealed)
	return mac.Sum(nil)
}

// receive delivers a genuine and recent message of another node.
func (r *Redis) receive(m *redis.Message) {
	topic, frame := strings.TrimPrefix(m.Channel, r.prefix), []byte(m.Payload)
	if len(frame) < newsHead || !hmac.Equal(frame[:sha256.Size], r.mac(topic, frame[sha256.Size:])) {
		r.dropped.Add(1)
		return
	}
	if string(frame[newsHead-len(r.node):newsHead]) == r.node {
		return // delivered when it was published
	}
	sent := time.UnixMilli(int64(binary.BigEndian.Uint64(frame[sha256.Size:])))
	if r.now().Sub(sent).Abs() > newsLife {
		r.dropped.Add(1)
		return
	}
	r.deliver(topic, frame[newsHead:])
}

// listen follows all channels until ctx ends.
func (r *Redis) listen(ctx context.Context) {
	for ctx.Err() == nil {
		_ = r.follow(ctx) // the probe says what is wrong with Redis
		select {
		case <-ctx.Done():
		case <-time.After(listenEvery):
		}
	}
}

// follow receives messages until the connection is lost.
func (r *Redis) follow(ctx context.Context) (err error) {
	defer survive(&err)
	ctx, cancel := context.WithCancel(ctx)
	var heard atomic.Bool
	var pinging sync.WaitGroup
	subscription := r.client.PSubscribe(ctx, r.prefix+"*")
	pinging.Go(func() { keepAlive(ctx, subscription, &heard) })
	defer pinging.Wait()
	defer cancel()
	for {
		m, err := subscription.Receive(ctx)
		if err != nil {
			return err
		}
		heard.Store(true)
		if m, ok := m.(*redis.Message); ok {
			r.receive(m)
		}
	}
}

// keepAlive closes the subscription, which ends its Receive, when nothing was
// heard since the last ping, or ctx ends. A frozen server or a network that
// swallows packets shows in no other way.
func keepAlive(ctx context.Context, subscription *redis.PubSub, heard *atomic.Bool) {
	defer survive(new(error)) // a ping may have to connect
	defer subscription.Close()
	ticker := time.NewTicker(listenEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if !heard.Swap(false) || subscription.Ping(ctx) != nil {
			return
		}
	}
}
