package server

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"regexp"
	"strings"

	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/jwt"
)

// readers are who may read the revocation feed.
type readers []reader

type reader struct {
	name string
	hash [sha256.Size]byte // of the secret, which is random: it needs no slow hash
}

// find is who has the secret. All are compared, in constant time.
func (rs readers) find(secret string) (name string, ok bool) {
	hash := sha256.Sum256([]byte(secret))
	for _, r := range rs {
		if subtle.ConstantTimeCompare(hash[:], r.hash[:]) == 1 {
			name, ok = r.name, true
		}
	}
	return name, ok
}

const readersSetting = "revocation.readers_file"

// loadReaders reads the file that the configuration names; "" is nobody. secure-defaults 2.
func loadReaders(path string) (readers, error) {
	if path == "" {
		return nil, nil
	}
	text, err := readFile(path, "lines NAME:SECRET", true)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", readersSetting, err)
	}
	var rs readers
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		r, err := parseReader(line)
		if err == nil {
			if _, twice := rs.find(strings.TrimPrefix(line, r.name+":")); twice {
				err = &badFile{"the secret stands twice", "give each reader its own: sandi key secret"}
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s (%s:%d): %w", readersSetting, path, n, err)
		}
		rs = append(rs, r)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", readersSetting, err)
	}
	if len(rs) == 0 {
		return nil, &badFile{readersSetting + " (" + path + ") names nobody", "write lines NAME:SECRET, or leave the setting out"}
	}
	return rs, nil
}

// readerLine is a name, and a secret that can be sent as a bearer token (b64token, RFC 6750 section 2.1).
var readerLine = regexp.MustCompile(`^([A-Za-z0-9._-]{1,64}):([A-Za-z0-9._~+/-]+=*)$`)

// parseReader reads one line. The error does not quote it.
func parseReader(line string) (reader, error) {
	m := readerLine.FindStringSubmatch(line)
	if m == nil {
		return reader{}, &badFile{
			"the line is not NAME:SECRET", "a name of letters, digits and . _ -, a colon, and a secret as 'sandi key secret' makes it",
		}
	}
	if len(m[2]) < 32 {
		return reader{}, &badFile{fmt.Sprintf("the secret has %d characters, at least 32 are needed", len(m[2])), "make a good one with: sandi key secret"}
	}
	if err := key.CheckSecret(jwt.HS256, []byte(m[2])); err != nil {
		return reader{}, err
	}
	return reader{m[1], sha256.Sum256([]byte(m[2]))}, nil
}
