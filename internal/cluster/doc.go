// Package cluster is what nodes share besides the database: counters behind
// limits, and news. Memory keeps it for a single node, Redis for any number.
//
// A limit counts in Redis, in one atomic script on Redis's clock, and every
// reply is remembered by the node that got it:
//
//	         first failure: logged, calls go on at once
//	shared <--------------------------------------------> local
//	 Redis   a probe, each 500 ms, could write again       Memory, limits divided by the nodes
//
// What is guaranteed:
//
//   - No limit is ever off. Without Redis (killed, frozen, read-only, out of
//     memory, another password) each node goes on from what it knew of a key,
//     with its share of the limit.
//   - Nothing that a node knows is lost with Redis's data. After FLUSHALL, an
//     eviction, a restart or a failover to a replica that lagged behind, the
//     next call puts the node's knowledge back and decides by the stricter of
//     both. What only other nodes knew comes back with their next call.
//   - Losing Redis only makes limits stricter for a while: a Forget or Undo
//     that did not reach it leaves a failure counted until the next success,
//     or until it expires.
//   - No call takes longer than RedisConfig.Timeout or its context's deadline.
//   - Redis holds no personal data in keys and values, only MACs of keys. News
//     are authenticated, not encrypted: put nothing secret in them.
//   - Who can write to Redis can reset or exhaust limits, blindly, not those of
//     a given user; he cannot send news.
//
// All keys expire by themselves. With maxmemory-policy noeviction a full Redis
// refuses writes, and limits are local until it has room; this is recommended.
// volatile-ttl or volatile-lru evict keys of ours early, which node's knowledge
// makes good as long as the node runs; so do allkeys policies. The Redis user
// needs +ping +eval +evalsha +time +get +set +hmget +hset +del +pexpire +publish
// +psubscribe on ~PREFIX:* and &PREFIX:*.
package cluster
