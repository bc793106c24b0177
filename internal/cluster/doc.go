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
//     with its share of the limit. Who writes to Redis is another matter: see below.
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
//   - No reply ends a node or fills its memory: one that is longer than any to us
//     can be ends its connection, and a value of the wrong type or form in a key
//     of ours counts as lost.
//
// What is not: Redis is trusted with the limits, as the database is with the
// accounts, for a node believes what Redis says that others forgot. Who can read
// and write there, or sits on a link without TLS, can watch which key changes when
// he tries a user's password, and from then on undo each try of it, so that the
// user's limit is off, or lock the user out for as long as the limit would. He can
// hold back news, and repeat them for a minute; he cannot make or alter any. Give
// Redis a password, TLS (rediss) and nobody else.
//
// All keys expire by themselves. With maxmemory-policy noeviction a full Redis
// refuses writes, and limits are local until it has room; this is recommended.
// volatile-ttl or volatile-lru evict keys of ours early, which node's knowledge
// makes good as long as the node runs; so do allkeys policies. The Redis user
// needs +ping +eval +evalsha +time +get +set +hmget +hset +del +pexpire +publish
// +psubscribe on ~PREFIX:* and &PREFIX:*.
package cluster
