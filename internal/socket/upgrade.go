package socket

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Upgrade answers the handshake of r (RFC 6455 section 4.2) with 101. Where it cannot, it has answered with 400, 405 or 426 (500 where the
// server cannot hand over its connection), and the error says why. Who may connect is for the caller to have checked. No extension is agreed
// to, so nothing is compressed. Nothing of w and r is kept; headers set in w are not sent.
func Upgrade(w http.ResponseWriter, r *http.Request, c Config) (*Conn, error) {
	key, err := handshake(w, r)
	if err != nil {
		return nil, err
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, refuse(w, http.StatusInternalServerError, "this server cannot hand over its connection")
	}
	s := newConn(conn, c)
	s.protocol = choose(r.Header, c.Protocols)
	if s.unread, err = early(rw.Reader); err == nil {
		err = s.accept(key, c.Greeting)
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	return s, nil
}

// handshake judges the request and returns its key.
func handshake(w http.ResponseWriter, r *http.Request) (string, error) {
	h := r.Header
	keys := h["Sec-Websocket-Key"]
	switch {
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		return "", refuse(w, http.StatusMethodNotAllowed, "a WebSocket handshake is a GET")
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return "", refuse(w, http.StatusBadRequest, "a WebSocket handshake is made in HTTP/1.1")
	case !names(h["Upgrade"], "websocket") || !names(h["Connection"], "upgrade"):
		w.Header().Set("Upgrade", "websocket") // RFC 9110 section 15.5.22
		w.Header().Set("Connection", "Upgrade")
		return "", refuse(w, http.StatusUpgradeRequired, "this address is a WebSocket: Upgrade and Connection must ask for one")
	case !slices.Equal(h["Sec-Websocket-Version"], []string{"13"}):
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Sec-Websocket-Version", "13") // RFC 6455 section 4.4
		return "", refuse(w, http.StatusUpgradeRequired, "Sec-WebSocket-Version must be 13")
	case len(keys) != 1 || !isKey(keys[0]):
		return "", refuse(w, http.StatusBadRequest, "Sec-WebSocket-Key must be 16 bytes in base64")
	case r.ContentLength != 0:
		return "", refuse(w, http.StatusBadRequest, "a WebSocket handshake has no body")
	}
	return keys[0], nil
}

func refuse(w http.ResponseWriter, status int, why string) error {
	http.Error(w, why, status)
	return errors.New("upgrade: " + why)
}

// names says whether a list header has a token, in any case.
func names(values []string, token string) bool {
	for _, v := range values {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

func isKey(s string) bool {
	key, err := base64.StdEncoding.DecodeString(s)
	return err == nil && len(key) == 16
}

// choose returns the first subprotocol offered that is one of ours. A token that was offered beside it is never repeated.
func choose(h http.Header, ours []string) string {
	for _, v := range h["Sec-Websocket-Protocol"] {
		for p := range strings.SplitSeq(v, ",") {
			if i := slices.Index(ours, strings.TrimSpace(p)); i >= 0 {
				return ours[i]
			}
		}
	}
	return ""
}

// early copies what a hasty client sent behind its handshake, so that the buffer can go.
func early(r *bufio.Reader) ([]byte, error) {
	b, err := r.Peek(r.Buffered())
	return bytes.Clone(b), err
}

// accept sends the 101 (RFC 6455 section 4.2.2) and the first frame. SHA-1 keeps no secret there: it shows that the key was read.
func (c *Conn) accept(key string, greeting Frame) error {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	answer := append(make([]byte, 0, 256), "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	answer = base64.StdEncoding.AppendEncode(answer, sum[:])
	if c.protocol != "" {
		answer = append(append(answer, "\r\nSec-WebSocket-Protocol: "...), c.protocol...)
	}
	answer = append(append(answer, "\r\n\r\n"...), greeting...)
	now := time.Now()
	// What net/http's server set would end the connection in the middle.
	if err := errors.Join(c.conn.SetReadDeadline(time.Time{}), c.conn.SetWriteDeadline(now.Add(c.writeTimeout))); err != nil {
		return err
	}
	_, err := c.conn.Write(answer)
	return err
}
