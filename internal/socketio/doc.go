// Package socketio is a Socket.IO v5 server over Engine.IO v4: websocket, polling and the upgrade between them, heartbeat, namespaces, acks,
// binary, and recovery of what a client missed. It knows nothing of tokens: Config.Connect says who may.
//
//	handshake ─> session (polling | websocket) ─> CONNECT a namespace ─> Config.Connect ─> Socket ─> DISCONNECT, close or time-out
//	                polling ─> 2probe, 3probe, 5 ─> websocket                                └─ cut off ─> kept ─> CONNECT with its pid ─> Resume
//
// A session costs no goroutine but its websocket's reader, and no timer: one heap holds what is due for all of them (wheel). Two locks order
// what happens to a session: session.in is held while what the client sent is handled, so that a Handler has one caller at a time;
// session.mu guards the state, is held for moments only, and comes after session.in and before Server.mu and wheel.mu.
package socketio
