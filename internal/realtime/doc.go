// Package realtime is live sockets that die with their token: channels ("missions") over raw WebSocket and Socket.IO.
//
//	handshake ─> credential ─> Join ─> member: subscribe, publish, presence, auth ─> End
//	                             └ guard.Lifetime: exp, revocation ─> End 4002, 4004
//
// A Hub is one node's. Messages reach other nodes through cluster, each once, in order per origin; a client that comes back says the cursor of the last
// message it saw, on whichever node, and gets what it missed.
package realtime
