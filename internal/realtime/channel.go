package realtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// Errors of Store.
var (
	ErrNoChannel = errors.New("no such channel")
	ErrNoSocket  = errors.New("no such socket")
)

// Channel is where messages go from one to many: who may, what, and how much is kept. Its JSON is the management API's, where keep_for
// is a text such as "5m".
type Channel struct {
	Name      string          `json:"name"` // letters, digits and - . _ : /, at most 64; or a prefix and /*, for any name below it
	Subscribe Requirement     `json:"subscribe"`
	Publish   Requirement     `json:"publish"`
	ReadOnly  bool            `json:"read_only,omitempty"` // takes messages from the management API alone
	Schema    json.RawMessage `json:"schema,omitempty"`    // JSON Schema that messages must meet, at most 64 KiB
	MaxBytes  int             `json:"max_bytes,omitempty"` // of a message; default 16384, at most 61440
	Rate      int             `json:"rate,omitempty"`      // messages a second on each node, twice as many at once; 0: no limit of its own
	Keep      int             `json:"keep,omitempty"`      // messages kept; default 100, at most 10,000
	KeepFor   time.Duration   `json:"keep_for,omitempty"`  // how long; default 5 minutes, at most 24 hours
	Presence  bool            `json:"presence,omitempty"`
}

// Requirement is what a token needs.
type Requirement struct {
	Roles  []string `json:"roles,omitempty"`  // one of them; none: any
	Scopes []string `json:"scopes,omitempty"` // all of them
	Level  int      `json:"level,omitempty"`  // clearance level
}

// Bounds of a channel. A message and what goes with it fit into one item of news (see cluster).
const (
	maxName     = 64
	maxBytes    = 60 << 10
	maxSchema   = 64 << 10
	maxKeep     = 10_000
	maxKeepFor  = 24 * time.Hour
	anyBelow    = "/*"
	defaultSize = 16 << 10
	defaultKeep = 100
	defaultFor  = 5 * time.Minute
)

// Resolved fills in what is not set.
func (c Channel) Resolved() Channel {
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultSize
	}
	if c.Keep == 0 {
		c.Keep = defaultKeep
	}
	if c.KeepFor == 0 {
		c.KeepFor = defaultFor
	}
	return c
}

// Validate says why a channel cannot be.
func (c Channel) Validate() error {
	_, err := newDefinition(c)
	return err
}

// checkNumbers is the part of Validate that needs no schema.
func (c Channel) checkNumbers() error {
	r := c.Resolved()
	switch {
	case !validName(strings.TrimSuffix(c.Name, anyBelow)) || len(c.Name) > maxName:
		return fmt.Errorf("name %.80q: use 1 to %d letters, digits and - . _ : /, or such a prefix and /*", c.Name, maxName)
	case r.MaxBytes < 1 || r.MaxBytes > maxBytes:
		return fmt.Errorf("max_bytes %d: use 1 to %d", c.MaxBytes, maxBytes)
	case r.Rate < 0 || r.Rate > 1_000_000:
		return fmt.Errorf("rate %d: use 0 to 1000000", c.Rate)
	case r.Keep < 0 || r.Keep > maxKeep:
		return fmt.Errorf("keep %d: use 0 to %d", c.Keep, maxKeep)
	case r.KeepFor < 0 || r.KeepFor > maxKeepFor:
		return fmt.Errorf("keep_for %v: use 0s to %v", c.KeepFor, maxKeepFor)
	case c.Subscribe.Level < 0 || c.Publish.Level < 0:
		return errors.New("level: use 0 or more")
	}
	return nil
}

// validName says whether a channel may be called so.
func validName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for _, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("-._:/", rune(c)) {
			return false
		}
	}
	return true
}

// allows says whether a token meets r.
func (r *Requirement) allows(t *guard.Token, levels map[string]int) bool {
	role, level := len(r.Roles) == 0, 0
	if !role || r.Level > 0 {
		for _, name := range t.Roles() {
			role = role || contains(r.Roles, name)
			level = max(level, levels[name])
		}
	}
	if !role || level < r.Level {
		return false
	}
	for _, scope := range r.Scopes {
		if !t.HasScope(scope) {
			return false
		}
	}
	return true
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// plainChannel is Channel without its methods.
type plainChannel Channel

// MarshalJSON implements json.Marshaler.
func (c Channel) MarshalJSON() ([]byte, error) {
	out := struct {
		plainChannel
		KeepFor string `json:"keep_for,omitempty"`
	}{plainChannel: plainChannel(c)}
	if c.KeepFor != 0 {
		out.KeepFor = c.KeepFor.String()
	}
	return json.Marshal(out)
}

// UnmarshalJSON implements json.Unmarshaler. A member that is not known is an error: it would be a rule that does not hold.
func (c *Channel) UnmarshalJSON(b []byte) error {
	in := struct {
		*plainChannel
		KeepFor string `json:"keep_for"`
	}{plainChannel: (*plainChannel)(c)}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || in.KeepFor == "" {
		return err
	}
	var err error
	if c.KeepFor, err = time.ParseDuration(in.KeepFor); err != nil {
		return fmt.Errorf("keep_for %.20q: use a duration such as 5m", in.KeepFor)
	}
	return nil
}
