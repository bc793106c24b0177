package lint

import (
	"bytes"
	"errors"
	"path"
	"strings"
	"time"
)

// structuredReaders are those of YAML, JSON and TOML, the ones that are sure of themselves first.
func structuredReaders() []Reader {
	return []Reader{
		{Format: "cloudformation", Is: isCloudFormation, Read: readCloudFormation},
		{Format: "supabase", Is: isSupabase, Read: readSupabase},
		{Format: "sandi", Is: isSandi, Read: readSandi},
		{Format: "environment", Is: isEnvironment, Read: readEnvironment},
		{Format: "keycloak", Is: isKeycloak, Read: readKeycloak},
		{Format: "hydra", Is: isHydra, Read: readHydra},
	}
}

// structured says whether a source is YAML or JSON by its name; standard input may be.
func structured(s *Source) bool {
	switch strings.ToLower(path.Ext(s.Name)) {
	case ".yaml", ".yml", ".json", ".template":
		return true
	}
	return s.Name == "-"
}

// holds says whether one of the words stands in a text.
func holds(s *Source, words ...string) bool {
	for _, word := range words {
		if bytes.Contains(s.Text, []byte(word)) {
			return true
		}
	}
	return false
}

// goSpelling is Go's: hours and less.
func goSpelling() spelling {
	return spelling{parse: time.ParseDuration, write: goDuration, form: "such as 30m or 720h; there are no days"}
}

// goDuration is a duration as Go reads it: 30m, 720h.
func goDuration(d time.Duration) string {
	if d%time.Hour == 0 {
		return inUnits(d, time.Hour) + "h"
	}
	return strings.TrimSuffix(d.String(), "0s")
}

var errNoDuration = errors.New("is no duration")

// sandiSpelling is that of Sandi: 30d, 14d12h, 1s.
func sandiSpelling() spelling {
	return spelling{parse: sandiDuration, write: short, form: "such as 15m, 30d or 14d12h"}
}

// sandiDuration reads whole numbers with units, greatest first.
func sandiDuration(s string) (sum time.Duration, err error) {
	last := time.Duration(1 << 62)
	for rest := s; rest != "" || s == ""; {
		digits := strings.IndexFunc(rest, func(c rune) bool { return c < '0' || c > '9' })
		if digits <= 0 {
			return 0, errNoDuration
		}
		n, ok := integer(rest[:digits])
		rest = rest[digits:]
		name := rest[:len(rest)-len(strings.TrimLeft(rest, "dhms"))]
		unit := map[string]time.Duration{"d": day, "h": time.Hour, "m": time.Minute, "s": time.Second, "ms": time.Millisecond}[name]
		if !ok || unit == 0 || unit >= last || n > int64((1<<62-sum)/unit) {
			return 0, errNoDuration
		}
		rest, last = rest[len(name):], unit
		sum += time.Duration(n) * unit
	}
	return sum, nil
}
