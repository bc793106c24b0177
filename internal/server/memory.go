package server

import (
	"context"
	"runtime/debug"
	"time"
)

// quietFor is how long no password is hashed before memory is given back.
const quietFor = 10 * time.Second

// giveBack returns memory to the operating system after logins, until ctx ends.
func (s *Server) giveBack(ctx context.Context) error {
	return giveBack(ctx, s.accounts.Hashes, debug.FreeOSMemory)
}

// giveBack calls free once no password has been hashed for a while, and then not before the next one has. A hash takes
// 19 MiB of garbage, which the runtime keeps for minutes: twenty logins, and an idle process stays at 120 MB where
// 30 would do. debug.FreeOSMemory collects, which is why it is not called between logins.
func giveBack(ctx context.Context, hashes func() uint64, free func()) error {
	tick := time.NewTicker(quietFor)
	defer tick.Stop()
	for freed, seen := uint64(0), uint64(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		n := hashes()
		if n == seen && n != freed {
			free()
			freed = n
		}
		seen = n
	}
}
