package realtime

import (
	"encoding/json"
	"errors"
	"time"
)

// Errors of Store.
var (
	ErrNoChannel = errors.New("no such channel")
	ErrNoSocket  = errors.New("no such socket")
)

// Channel is where messages go from one to many: who may, what, and how much is kept. Its JSON is the management API's.
type Channel struct {
	Name      string          `json:"name"` // letters, digits and - . _ : /, at most 64; or a prefix and /*, for any name below it
	Subscribe Requirement     `json:"subscribe"`
	Publish   Requirement     `json:"publish"`
	ReadOnly  bool            `json:"read_only,omitempty"` // takes messages from the management API alone
	Schema    json.RawMessage `json:"schema,omitempty"`    // JSON Schema that messages must meet
	MaxBytes  int             `json:"max_bytes,omitempty"` // of a message; default 16384, at most 61440
	Rate      int             `json:"rate,omitempty"`      // messages a second on each node; 0: no limit of its own
	Keep      int             `json:"keep,omitempty"`      // messages kept; default 100
	KeepFor   time.Duration   `json:"keep_for,omitempty"`  // how long; default 5 minutes
	Presence  bool            `json:"presence,omitempty"`
}

// Requirement is what a token needs.
type Requirement struct {
	Roles  []string `json:"roles,omitempty"`  // one of them; none: any
	Scopes []string `json:"scopes,omitempty"` // all of them
	Level  int      `json:"level,omitempty"`  // clearance level
}
