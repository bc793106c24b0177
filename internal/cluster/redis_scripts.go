package cluster

// The scripts. Each touches one key, so that it runs in one slot wherever that
// is, and reads Redis's clock, so that nodes need not agree on theirs. Times are
// in microseconds, which a Lua number holds exactly for another 200 years. Clocks
// may be set back, by a failover too: a state from the future is cut down to what
// could have been made now.

// readScript begins the others. Who wrote something else into a key has lost it, and
// nothing more: a key of another type is deleted, and a number that is none, or
// beyond what a Lua number holds exactly, is brought into range. Were it an error,
// one such key would turn a whole node away from Redis.
const readScript = `
local function read(...)
  local v = redis.pcall(...)
  if type(v) ~= 'table' or not v.err then
    return v
  end
  if string.find(v.err, 'WRONGTYPE', 1, true) then
    redis.call('DEL', KEYS[1])
  end
  return redis.call(...)
end
local function number(v)
  v = tonumber(v or 0) or 0
  return v == v and math.min(math.max(v, 0), 2 ^ 53) or 0
end
`

// takeScript is Memory.Take. KEYS: the arrival time. ARGV: every, burst, and how
// far ahead of now the node knows the arrival time to be. Returns the wait, and
// how far ahead it is afterwards.
const takeScript = readScript + `
local every, burst, ahead = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local stored = number(read('GET', KEYS[1]))
local arrival = math.min(math.max(stored, now + ahead), now + every * burst)
local wait = math.max(0, arrival - now - every * (burst - 1))
if wait == 0 then
  arrival = arrival + every
end
if arrival ~= stored then
  redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', math.max(1, math.ceil((arrival - now) / 1000)))
end
return {wait, arrival - now}
`

// tryScript is Memory.Try. KEYS: a hash of level and at (the last try), of origin
// (the life of this key, new whenever it had been lost) and version (changes in
// that life), and of node: who may have tried, one node or '*'. ARGV: the node;
// free, base, max and forget; and what the node knows: level, age of the last try,
// origin and version. What it knows of this life is in the key already, and may
// have been forgotten since. Anything else Redis has lost, or never had: the
// stricter counts. Returns the wait, level, age, version and origin.
const tryScript = readScript + `
local node, known = ARGV[1], {level = tonumber(ARGV[6]), age = tonumber(ARGV[7]), origin = ARGV[8], version = tonumber(ARGV[9])}
local free, base, most, forget = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local h = read('HMGET', KEYS[1], 'level', 'at', 'origin', 'version', 'node')
local level, at, version = number(h[1]), math.min(number(h[2]), now), number(h[4])
if h[3] and #h[3] > 64 then
  h[3] = false
end
local origin, owner = h[3] or node .. string.format('%.0f', now), h[5] or node
local changed = false
if known.level > 0 and (known.origin ~= h[3] or known.version > version) then
  level, at, version = math.max(level, known.level), math.max(at, now - known.age), math.max(version, known.version)
  changed = true
end
if owner ~= node and owner ~= '*' then
  owner, changed = '*', true
end
local wait = 0
if level > 0 and level >= free then
  wait = math.max(0, at + math.min(base * 2 ^ math.min(level - free, 62), most) - now)
end
if wait == 0 then
  level, at, changed = level + 1, now, true
end
if changed then
  version = version + 1
  redis.call('HSET', KEYS[1], 'level', level, 'at', string.format('%.0f', at), 'origin', origin, 'version', version, 'node', owner)
  redis.call('PEXPIRE', KEYS[1], math.max(1, math.ceil((at + forget - now) / 1000)))
end
return {wait, level, now - at, version, origin}
`

// undoScript is Memory.Undo. A key that other nodes know of is kept with level 0
// until it expires: were it deleted, they would take it for lost. ARGV: the node.
const undoScript = readScript + `
local h = read('HMGET', KEYS[1], 'level', 'version', 'node')
local level = number(h[1])
if level == 1 and h[3] == ARGV[1] then
  redis.call('DEL', KEYS[1])
elseif level > 0 then
  redis.call('HSET', KEYS[1], 'level', level - 1, 'version', number(h[2]) + 1)
end
return {}
`

// forgetScript is Memory.Forget, and keeps keys as undoScript does.
const forgetScript = readScript + `
local h = read('HMGET', KEYS[1], 'version', 'node')
if h[2] == ARGV[1] then
  redis.call('DEL', KEYS[1])
elseif h[1] then
  redis.call('HSET', KEYS[1], 'level', 0, 'version', number(h[1]) + 1)
end
return {}
`
