package drill_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// browser is the client of all drills.
var browser = &http.Client{
	Timeout:   8 * time.Second,
	Transport: &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: 10 * time.Second},
}

// answer is what a node said.
type answer struct {
	status int
	header http.Header
	body   struct {
		Access   string `json:"access_token"`
		Refresh  string `json:"refresh_token"`
		Error    string `json:"error"`
		Msg      string `json:"msg"`
		Sessions []struct {
			ID string `json:"id"`
		} `json:"sessions"`
	}
}

// unknown says that what was asked for may have been done or not: no answer came, or one that says so.
func (a answer) unknown(err error) bool {
	return err != nil || a.status == http.StatusServiceUnavailable
}

// call sends a request with a token, "" for none, and a body, nil for none.
func call(base, method, path, token string, body any) (a answer, err error) {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return a, err
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, base+path, in)
	if err != nil {
		return a, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := browser.Do(req)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	a.status, a.header = res.StatusCode, res.Header
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return a, err
	}
	if len(text) > 0 && json.Unmarshal(text, &a.body) != nil {
		return a, fmt.Errorf("status %d with a body that is not JSON", a.status)
	}
	return a, nil
}

const api = "/api/auth"

// generation is the number that a refresh token carries.
func generation(token string) int { return int(binary.BigEndian.Uint32(contents(token)[21:25])) }

func contents(token string) []byte {
	const prefix, sum = 4, 6
	raw, err := base64.RawURLEncoding.DecodeString(token[prefix : len(token)-sum])
	if err != nil {
		panic(err)
	}
	return raw
}

// sid is the session that an access token is of.
func sid(token string) string {
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	var claims struct {
		SID string `json:"sid"`
	}
	if err = errors.Join(err, json.Unmarshal(raw, &claims)); err != nil {
		panic(err)
	}
	return claims.SID
}
