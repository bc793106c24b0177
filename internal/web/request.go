package web

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/problem"
)

// request is what the chain knows of one request; it rides in the context.
type request struct {
	id      string
	address netip.Addr
	refusal string // why it was refused, for the log line
	subject string // who called, once known
}

type requestKey struct{}

func info(ctx context.Context) *request {
	if q, ok := ctx.Value(requestKey{}).(*request); ok {
		return q
	}
	return &request{} // outside the chain: a test of one handler
}

// RequestID is the id in the answer's X-Request-Id and in the log.
func RequestID(ctx context.Context) string { return info(ctx).id }

// Address is the client's IP address; behind a trusted proxy the one that proxy saw.
func Address(ctx context.Context) string {
	if a := info(ctx).address; a.IsValid() {
		return a.String()
	}
	return ""
}

// SetSubject notes who calls, for the log line.
func SetSubject(ctx context.Context, subject string) { info(ctx).subject = subject }

// NoteGuard notes what a guard found, for the log line and the metrics: whose token it was, and why the request was
// refused ("" when it was let in). reason is one of a fixed set.
func (s *Web) NoteGuard(ctx context.Context, subject, reason string) {
	q := info(ctx)
	q.subject = subject
	if reason != "" {
		q.refusal = reason
		s.metrics.refused.WithLabelValues(reason).Inc()
	}
}

// UserAgent is the caller's User-Agent, at most 256 bytes and without control characters.
func UserAgent(r *http.Request) string {
	clean := strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || (c >= 0x80 && c < 0xa0) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(r.UserAgent(), ""))
	if len(clean) > 256 {
		clean = strings.ToValidUTF8(clean[:256], "")
	}
	return clean
}

// Wrap puts the whole chain around next.
func (s *Web) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		start := s.now()
		q := &request{id: rand.Text(), address: s.clientAddress(r)}
		r = r.WithContext(context.WithValue(r.Context(), requestKey{}, q))
		w := &recorder{ResponseWriter: rw}
		defer s.finish(w, r, q, start)
		s.securityHeaders(w, r, q)
		if err := s.checkHost(r); err != nil {
			s.refuse(w, r, problem.From(err))
			return
		}
		if s.cors(w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

// finish turns a panic into a 500 and writes the one log line and metric of the request.
func (s *Web) finish(w *recorder, r *http.Request, q *request, start time.Time) {
	if p := recover(); p != nil {
		if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(p)
		}
		s.log.Error("handler panicked", "request_id", q.id, "panic", p, "stack", string(debug.Stack()))
		if w.status == 0 {
			s.refuse(w, r, problem.New(problem.Internal, "server_error"))
		}
	}
	if w.status == 0 {
		w.status = http.StatusOK
	}
	took := s.now().Sub(start)
	s.metrics.observe(r, w.status, took)
	attrs := []slog.Attr{
		slog.String("request_id", q.id), slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.Int("status", w.status), slog.Int64("bytes", w.bytes), slog.Float64("took_ms", float64(took.Round(10*time.Microsecond))/1e6),
		slog.String("address", q.address.String()),
	}
	if q.subject != "" {
		attrs = append(attrs, slog.String("subject", q.subject))
	}
	level := slog.LevelInfo
	if q.refusal != "" {
		attrs = append(attrs, slog.String("error", q.refusal))
	}
	switch {
	case w.status == http.StatusTooManyRequests, w.status == http.StatusServiceUnavailable:
		level = slog.LevelWarn // load, or an attack; it passes
	case w.status >= 500:
		level = slog.LevelError
	}
	s.log.LogAttrs(r.Context(), level, "request", attrs...)
}

// clientAddress believes X-Forwarded-For only from trusted proxies, and in it only the last address
// that no trusted proxy wrote of another: whatever stands to its left came from the client.
func (s *Web) clientAddress(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	addr = addr.Unmap().WithZone("")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !s.trusted(addr) {
			break
		}
		next, ok := parseHop(strings.TrimSpace(hop))
		if !ok {
			break
		}
		addr = next
	}
	return addr
}

// parseHop reads one entry of X-Forwarded-For, which some proxies write with a port.
func parseHop(hop string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(hop)
	if err != nil {
		ap, err := netip.ParseAddrPort(hop)
		if err != nil {
			return netip.Addr{}, false
		}
		a = ap.Addr()
	}
	return a.Unmap().WithZone(""), true
}

func (s *Web) trusted(a netip.Addr) bool {
	return slices.ContainsFunc(s.proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// recorder remembers what was written. It keeps the rest of the ResponseWriter reachable for
// http.ResponseController.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Hijack implements http.Hijacker. What takes the connection over answers with 101 (RFC 9110 section 15.2.2).
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.status = http.StatusSwitchingProtocols
	}
	return c, rw, err
}

// Unwrap lets http.ResponseController find the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
