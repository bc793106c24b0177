// Package socket is the server's end of a WebSocket (RFC 6455): the upgrade, messages within their limits, a queue for each client, and an
// end with code and reason. A message is framed once for all who receive it, and what waits for a client leaves in one write.
//
//	Upgrade ─> Serve (reads until the end) ─> Close or the client's close ─> drained ─> closed
//	             Send, from anywhere ─> queue ─> one write of all that waits
package socket
