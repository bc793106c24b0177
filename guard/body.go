package guard

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxBody is how much of a body is searched for a token, in bytes.
const maxBody = 64 << 10

var errBody = errors.New("body cannot be read")

// readPairs adds the values that the keys have in a query or form. A value that
// net/url would drop is refused; what stands under other keys does not matter.
func (c *credential) readPairs(raw string, keys []string) *Error {
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
	typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
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
	dec := json.NewDecoder(bytes.NewReader(body))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		if err == io.EOF || err == nil {
			return nil // nothing, or a value that is no object: it has no fields
		}
		return refuse(InvalidRequest, errBody)
	}
	for dec.More() {
		name, err := dec.Token()
		var value json.RawMessage
		if err == nil {
			err = dec.Decode(&value)
		}
		if err != nil {
			return refuse(InvalidRequest, errBody)
		}
		if err := c.addJSON(name, value, keys); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return refuse(InvalidRequest, errBody)
	}
	if _, err := dec.Token(); err != io.EOF { // a second value
		return refuse(InvalidRequest, errBody)
	}
	return nil
}

func (c *credential) addJSON(name json.Token, value json.RawMessage, keys []string) *Error {
	key, _ := name.(string)
	if !slices.Contains(keys, key) {
		return nil
	}
	var token *string
	if err := json.Unmarshal(value, &token); err != nil || token == nil {
		return refuse(InvalidRequest, errors.New("value of "+key+" is not a string"))
	}
	return c.add(*token)
}
