// Package socketio is a Socket.IO v5 server over Engine.IO v4: websocket, polling and the upgrade between them, heartbeat, namespaces, acks,
// binary, and recovery of what a client missed. It knows nothing of tokens: Config.Connect says who may.
//
//	handshake ─> session (polling | websocket) ─> CONNECT a namespace ─> Config.Connect ─> Socket ─> DISCONNECT, close or time-out
package socketio
