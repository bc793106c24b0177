package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/jwt"
)

// keyFlags say which key verifies or signs.
type keyFlags struct {
	target
	file, alg string
}

func (k *keyFlags) flags(c *cobra.Command, does string) {
	k.target.flags(c)
	c.Flags().StringVar(&k.file, "key", "", does+" with the key in this `file`: PEM, JWK, or the secret of HS256")
	c.Flags().StringVar(&k.alg, "alg", "", "`algorithm` of --key, where the file does not say it: RS256, HS256, ...")
}

// complete refuses flags that contradict each other. Without --key the keys are those of a data folder.
func (k *keyFlags) complete(c *cobra.Command) error {
	switch {
	case k.file != "" && k.given(c):
		return usage("name one source of keys", "--key excludes --data and --config")
	case k.alg != "" && k.file == "":
		return usage("every other key names its own", "--alg goes with --key alone")
	}
	return nil
}

// readKey reads --key. kid is the one to give it, empty for its own: a key that was named
// for one token is the key of that token, whatever its issuer calls it.
func (k *keyFlags) readKey(kid string) (*jwt.Key, error) {
	text, err := readFile(k.file)
	if err != nil {
		return nil, err
	}
	alg := jwt.Algorithm(k.alg)
	parsed, err := parseKey(alg, kid, text)
	isJSON := bytes.HasPrefix(bytes.TrimSpace(text), []byte("{"))
	switch {
	case errors.Is(err, jwt.ErrKey) && isJSON && bytes.Contains(text, []byte(`"keys"`)):
		return nil, usage("a set is given by --jwks", "%s: %v", k.file, err)
	case errors.Is(err, jwt.ErrKey) && alg == "" && !isJSON:
		return nil, usage("name the algorithm with --alg", "%s: %v", k.file, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", k.file, err)
	}
	return parsed, nil
}

func parseKey(alg jwt.Algorithm, kid string, text []byte) (*jwt.Key, error) {
	switch {
	case bytes.Contains(text, []byte("-----BEGIN ")):
		return jwt.ParsePEM(alg, kid, text)
	case bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")):
		return parseJWK(alg, kid, text)
	case strings.HasPrefix(string(alg), "HS"):
		return jwt.NewKey(alg, kid, bytes.TrimSuffix(text, []byte("\n")))
	}
	return nil, fmt.Errorf("%w: neither PEM nor JWK", jwt.ErrKey)
}

// parseJWK reads a JWK, under another kid where one is given; what else it says, as its key_ops, goes on holding.
func parseJWK(alg jwt.Algorithm, kid string, text []byte) (*jwt.Key, error) {
	k, err := jwt.ParseKeyFor(alg, text)
	if err != nil || kid == "" || k.ID() == kid {
		return k, err
	}
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, err
	}
	if members["kid"], err = json.Marshal(kid); err != nil {
		return nil, err
	}
	renamed, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	return jwt.ParseKeyFor(alg, renamed)
}

// privateFile refuses a file with a private key that others can read (secure-defaults 2).
func privateFile(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return fault("chmod 600 "+name, "%s: a private key can be read by others (mode %04o)", name, mode)
	}
	return nil
}
