package server

import (
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode"

	"github.com/lmittmann/tint"

	"github.com/sandi-auth/sandi/internal/config"
)

// NewLogger builds the log that the configuration asks for. terminal says that w is one; format "auto" then
// writes coloured lines, else JSON. Both escape control characters, so that nobody forges a line.
func NewLogger(w io.Writer, c config.Log, terminal bool) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo // Validate refuses what is no level
	}
	switch {
	case c.Format == "text", c.Format == "auto" && terminal:
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !terminal, ReplaceAttr: pictured}))
	default:
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
	}
}

// pictured shows a control character by its picture (U+2400 and on): a terminal would obey it, and tint passes some on.
func pictured(_ []string, a slog.Attr) slog.Attr {
	s := a.Value.Resolve()
	if s.Kind() != slog.KindString || !strings.ContainsFunc(s.String(), unicode.IsControl) {
		return a
	}
	return slog.String(a.Key, strings.Map(func(c rune) rune {
		switch {
		case c < ' ':
			return 0x2400 + c
		case c == 0x7f:
			return 0x2421
		case unicode.IsControl(c):
			return unicode.ReplacementChar
		}
		return c
	}, s.String()))
}
