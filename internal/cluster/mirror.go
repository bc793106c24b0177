package cluster

import "time"

// tries is what a node knows of the tries of one key.
type tries struct {
	level   int
	at      time.Time // the last one
	origin  string    // the life of the key in Redis that this was copied from; empty when this node has counted since
	version int64     // within origin: each change of the key counts it up
}

// tries returns what is known of key; level 0 is nothing.
func (m *Memory) tries(key string) tries {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.failures.find(key, m.now())
	if e == nil {
		return tries{}
	}
	return tries{e.level, e.at, e.origin, e.version}
}

// learn replaces what is known of key by what Redis said, unless replies have
// overtaken each other, or more has been counted here meanwhile.
func (m *Memory) learn(key string, t tries, expires time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if e := m.failures.find(key, now); e != nil {
		overtaken := e.origin == t.origin && e.version >= t.version
		counted := e.origin == "" && e.level > t.level
		if overtaken || counted {
			return
		}
	}
	e := m.failures.put(key, t.level, t.at, expires, now)
	e.origin, e.version = t.origin, t.version
}

// arrival is the theoretical arrival time of key, now or later.
func (m *Memory) arrival(key string) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if e := m.rates.find(key, now); e != nil {
		return e.at
	}
	return now
}

// learnArrival is learn for a rate: arrival times only grow.
func (m *Memory) learnArrival(key string, arrival time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if e := m.rates.find(key, now); e == nil && !arrival.After(now) || e != nil && !arrival.After(e.at) {
		return
	}
	m.rates.put(key, 0, arrival, arrival, now)
}
