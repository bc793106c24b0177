package interop_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// node is a running testdata/peer.mjs, which answers one question at a time.
type node struct {
	questions *json.Encoder
	answers   *bufio.Scanner
}

// question is what both npm packages are asked; each reads of it what it needs.
type question struct {
	Library string          `json:"peer"`
	Ask     string          `json:"ask"`
	Alg     string          `json:"alg"`
	Kid     string          `json:"kid"`
	Typ     string          `json:"typ"`
	JWK     json.RawMessage `json:"jwk,omitempty"`
	PEM     string          `json:"pem,omitempty"`
	Secret  []byte          `json:"secret,omitempty"`
	Set     json.RawMessage `json:"set,omitempty"`
	Claims  string          `json:"claims"`
	Token   string          `json:"token"`
	Now     int64           `json:"now"`
}

// startNode runs node until the test ends.
func startNode(t *testing.T) *node {
	t.Helper()
	packages := filepath.Join("..", "..", "test", "npm")
	path, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(packages, "node_modules", "jsonwebtoken"))
	}
	if err != nil {
		missing(t, "node, or what test/npm installs,")
	}
	cmd := exec.Command(path, filepath.Join("testdata", "peer.mjs"), packages, issuer, audience)
	cmd.Stderr = os.Stderr
	in := must(cmd.StdinPipe())
	out := must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	})
	answers := bufio.NewScanner(out)
	answers.Buffer(nil, 1<<20)
	return &node{questions: json.NewEncoder(in), answers: answers}
}

// ask puts a question about a key and reads the answer into v.
func (n *node) ask(q question, k document, v any) error {
	q.Alg, q.Kid, q.JWK, q.PEM, q.Secret, q.Now = k.alg, k.kid, k.jwk, string(k.pem), k.secret, now.Unix()
	if err := n.questions.Encode(q); err != nil {
		return fmt.Errorf("ask node: %w", err)
	}
	if !n.answers.Scan() {
		return fmt.Errorf("read node's answer: %w", errors.Join(n.answers.Err(), io.ErrUnexpectedEOF))
	}
	var a struct {
		Answer json.RawMessage
		Error  string
	}
	if err := json.Unmarshal(n.answers.Bytes(), &a); err != nil {
		return fmt.Errorf("read node's answer: %w", err)
	}
	if a.Error != "" {
		return errors.New(a.Error)
	}
	return json.Unmarshal(a.Answer, v)
}

func (n *node) peer(library string) peer {
	return peer{
		name: library,
		sign: func(k document, typ, claims string) (token string, err error) {
			err = n.ask(question{Library: library, Ask: "sign", Typ: typ, Claims: claims}, k, &token)
			return token, err
		},
		verify: func(k document, token string) (claims string, err error) {
			err = n.ask(question{Library: library, Ask: "verify", Token: token}, k, &claims)
			return claims, err
		},
	}
}

// npmPeers are the two packages as they stand beside one another in most Node services.
func npmPeers(t *testing.T) []peer {
	t.Helper()
	n := startNode(t)
	jose, jsonwebtoken := n.peer("jose"), n.peer("jsonwebtoken")
	jsonwebtoken.without = []string{"EdDSA"}
	jose.rewrite = func(k document) (out rewritten, err error) {
		err = n.ask(question{Library: "jose", Ask: "rewrite"}, k, &out)
		return out, err
	}
	jose.verifySet = func(set []byte, token string) (claims string, err error) {
		err = n.ask(question{Library: "jose", Ask: "verifySet", Set: set, Token: token}, document{}, &claims)
		return claims, err
	}
	return []peer{jose, jsonwebtoken}
}

// TestNode exchanges tokens, keys and key sets with the npm packages jose and jsonwebtoken.
func TestNode(t *testing.T) {
	t.Parallel()
	for _, p := range npmPeers(t) {
		t.Run(p.name, func(t *testing.T) {
			exchangeTokens(t, p)
			if p.rewrite != nil {
				t.Run("keys", func(t *testing.T) { exchangeKeys(t, p) })
			}
			if p.verifySet != nil {
				t.Run("set", func(t *testing.T) { exchangeKeySets(t, p) })
			}
		})
	}
}
