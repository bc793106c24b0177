package guard

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxBody is how much of a body, or of a query, is searched for a token, in bytes.
const maxBody = 64 << 10

var (
	errBody = errors.New("body cannot be read")
	errLong = errors.New("query is too long to look for a token in")
)

// readPairs adds the values that the keys have in a query or form. A value that
// net/url would drop is refused; what stands under other keys does not matter.
func (c *credential) readPairs(raw string, keys []string) *Error {
	if len(raw) > maxBody {
		return refuse(InvalidRequest, errLong)
	}
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil || !slices.Contains(keys, name) {
			continue
		}
		value, err = url.QueryUnescape(value)
		if err != nil || strings.Contains(pair, ";") {
			return refuse(InvalidRequest, errors.New("malformed value of "+name))
		}
		if err := c.add(value); err != nil {
			return err
		}
	}
	return nil
}

func (c *credential) readBody(r *http.Request, keys []string) *Error {
	if r.Body == nil || r.Body == http.NoBody || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	typ, _, err := mime.ParseMediaType(shortMediaType(r))
	if err != nil || typ != "application/x-www-form-urlencoded" && typ != "application/json" {
		return nil
	}
	body, err := peekBody(r)
	if err != nil {
		return refuse(InvalidRequest, err)
	}
	if typ == "application/json" {
		return c.readJSON(body, keys)
	}
	return c.readPairs(string(body), keys)
}

// shortMediaType is the Content-Type, "" for one of over a KiB: strangers choose it, and it is parsed.
func shortMediaType(r *http.Request) string {
	if typ := r.Header.Get("Content-Type"); len(typ) <= 1<<10 {
		return typ
	}
	return ""
}

// peekBody reads the body and puts it back.
func peekBody(r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, &http.MaxBytesError{Limit: maxBody}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
	if err != nil {
		return nil, errors.Join(errBody, err)
	}
	if len(body) > maxBody {
		return nil, &http.MaxBytesError{Limit: maxBody}
	}
	return body, nil
}

// readJSON adds the values that the keys have in a JSON object. Names are
// compared byte for byte, unlike encoding/json does for struct fields, and each
// occurrence counts: another reader might take the first or the last.
func (c *credential) readJSON(body []byte, keys []string) *Error {
	body = bytes.Trim(body, " \t\r\n")
	if len(body) == 0 {
		return nil
	}
	if !json.Valid(body) { // nor where a second value follows
		return refuse(InvalidRequest, errBody)
	}
	if body[0] != '{' {
		return nil // it has no fields
	}
	for name, value := range members(body) {
		for _, key := range keys {
			if !spells(name, key) {
				continue
			}
			var token *string
			if err := json.Unmarshal(value, &token); err != nil || token == nil {
				return refuse(InvalidRequest, errors.New("value of "+key+" is not a string"))
			}
			if err := c.add(*token); err != nil {
				return err
			}
		}
	}
	return nil
}

// members are the names, in their quotes, and values of a JSON object that is known to be valid.
// json.Decoder would allocate a quarter of a kilobyte for each, for whoever sends thousands.
func members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		var name []byte
		for i, from, depth := 0, 0, 0; i < len(object); i++ {
			switch c := object[i]; {
			case c == '"':
				for i++; object[i] != '"'; i++ {
					if object[i] == '\\' {
						i++
					}
				}
			case c == '{' || c == '[':
				if depth++; depth == 1 {
					from = i + 1
				}
			case c == ':' && depth == 1:
				name, from = bytes.TrimSpace(object[from:i]), i+1
			case depth == 1 && (c == ',' || c == '}'):
				if name != nil && !yield(name, bytes.TrimSpace(object[from:i])) {
					return
				}
				from = i + 1
			case c == '}' || c == ']':
				depth--
			}
		}
	}
}

// spells says whether a valid JSON string is key, which is ASCII and may be escaped there.
func spells(quoted []byte, key string) bool {
	raw := quoted[1 : len(quoted)-1]
	for ; len(raw) > 0 && key != ""; key = key[1:] {
		c, n := raw[0], 1
		if c == '\\' && raw[1] == 'u' {
			var code [2]byte
			_, _ = hex.Decode(code[:], raw[2:6]) // is valid
			if code[0] != 0 {
				return false
			}
			c, n = code[1], 6
		} else if c == '\\' {
			c, n = raw[1], 2 // itself, or a letter that stands for a control character
			if c >= 'a' {
				return false
			}
		}
		if c != key[0] {
			return false
		}
		raw = raw[n:]
	}
	return len(raw) == 0 && key == ""
}
