package guard

import (
	"encoding/binary"
	"unsafe"
)

// CountSessions looks up sessions and says how many are revoked.
func (l *RevocationList) CountSessions(handles [][16]byte) (revoked int) {
	for i := range handles { // without a copy, which a benchmark would measure
		if l.hasSession(l.hash(unsafe.String(&handles[i][0], len(handles[i])))) {
			revoked++
		}
	}
	return revoked
}

// CountPrepared is CountSessions for handles that were hashed before, as those of a Token are: it
// takes them for their own hashes.
func (l *RevocationList) CountPrepared(handles [][16]byte) (revoked int) {
	for i := range handles {
		h := &handles[i]
		if l.hasSession(identity{handleHash(binary.NativeEndian.Uint64(h[:8])), binary.NativeEndian.Uint64(h[8:])}) {
			revoked++
		}
	}
	return revoked
}

func (l *RevocationList) hasSession(id identity) bool {
	t := l.shards[id.hash.shard()].Load()
	return t.mayHold(id.hash) && t.stops(id.of(kindSession), 0)
}
