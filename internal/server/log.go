package server

import (
	"io"
	"log/slog"
	"time"

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
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !terminal}))
	default:
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
	}
}
