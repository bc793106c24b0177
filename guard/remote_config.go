package guard

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sandi-auth/sandi/jwt"
)

// findKeys discovers keys that are not given, and finds fault with those that are: at construction,
// not with the first request.
func (c *Config) findKeys() error {
	if c.Keys == nil && c.Issuer != "" && !c.InsecureAnyIssuer {
		keys, err := NewRemoteKeys(RemoteKeysConfig{Issuer: c.Issuer, Now: c.Now})
		if err != nil {
			return fmt.Errorf("Config.Keys is missing, and keys cannot be discovered: %w", err)
		}
		c.Keys = keys
	}
	switch keys := c.Keys.(type) {
	case *jwt.KeySet:
		if keys != nil {
			return checkKeySet(keys)
		}
	case *RemoteKeys:
		if keys == nil {
			return errNoRemote
		}
	}
	return nil
}

// checkKeySet refuses a fixed set that nothing can come of. One that rotates may be empty for now.
func checkKeySet(set *jwt.KeySet) error {
	if ignored := set.Ignored(); set.Len() == 0 && len(ignored) > 0 {
		return fmt.Errorf("Config.Keys is empty, for of %d keys none can be used, the first because: %w", len(ignored), ignored[0])
	}
	if set.Len() == 0 {
		return errNoKeys
	}
	if !slices.ContainsFunc(set.All(), (*jwt.Key).CanVerify) {
		return errNoVerify
	}
	return nil
}

var (
	errNoKeys   = errors.New("Config.Keys is empty: give it the issuer's keys, or leave it nil to discover those of Issuer")
	errNoRemote = errors.New("Config.Keys is a nil *RemoteKeys: look at the error of NewRemoteKeys")
	errNoVerify = errors.New("Config.Keys has no key that may verify: their key_ops do not include it")
)
