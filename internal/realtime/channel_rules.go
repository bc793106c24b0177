package realtime

import (
	"fmt"
	"strings"
)

// definition is a Channel that can be, with its defaults and its schema compiled.
type definition struct {
	Channel
	schema *schema // nil: any JSON
}

func newDefinition(c Channel) (*definition, error) {
	if err := c.checkNumbers(); err != nil {
		return nil, fmt.Errorf("channel %.80q: %w", c.Name, err)
	}
	d := &definition{Channel: c.Resolved()}
	if len(c.Schema) > 0 {
		var err error
		if d.schema, err = compileSchema(c.Schema); err != nil {
			return nil, fmt.Errorf("channel %s: schema: %w", c.Name, err)
		}
	}
	return d, nil
}

// rules are the definitions of all channels. They are not changed any more.
type rules struct {
	named   map[string]*definition // by name, prefixes with their /*
	version int64                  // of the store's list; -1: it was never read
}

// of finds what holds for a name: what is called so, else the longest prefix.
func (r *rules) of(name string) *definition {
	if !validName(name) {
		return nil
	}
	if d := r.named[name]; d != nil {
		return d
	}
	for i := strings.LastIndexByte(name, '/'); i > 0; i = strings.LastIndexByte(name[:i], '/') {
		if i == len(name)-1 {
			continue // x/ is not below x
		}
		if d := r.named[name[:i]+anyBelow]; d != nil {
			return d
		}
	}
	return nil
}

// configured builds the definitions of the configuration.
func configured(list []Channel) (map[string]*definition, error) {
	named := make(map[string]*definition, len(list))
	for _, c := range list {
		d, err := newDefinition(c)
		if err != nil {
			return nil, err
		}
		if named[c.Name] != nil {
			return nil, fmt.Errorf("channel %s is there twice", c.Name)
		}
		named[c.Name] = d
	}
	return named, nil
}
