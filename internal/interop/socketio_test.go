package interop_test

import "testing"

// TestSocketIO: the client of seed 001 as it is printed, and what else npm's socket.io-client does, against the server that knows nothing of it.
// secure-defaults 21c
func TestSocketIO(t *testing.T) {
	t.Parallel()
	runCases(t, "socketio.mjs", map[string]any{"demo": startDemo(t), "short": startDemo(t, "--access", "4s")}, "socket.io-client", "ws")
}
