package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/jwt"
)

// openSigner reads the key that signs identities for upstreams, and makes it at the first start.
func (g *Gateway) openSigner(context.Context) error {
	path := g.cfg.Gateway.KeyFile
	if path == "" {
		if err := store.PrepareFolder(g.cfg.Data); err != nil {
			return err
		}
		path = filepath.Join(g.cfg.Data, "gateway.jwk")
	}
	text, err := readFile(path, "a private JWK", true)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = newSigner(path)
	}
	if err != nil {
		return fmt.Errorf("read gateway.key_file: %w", err)
	}
	if g.signer, err = jwt.ParseKey(text); err != nil || !g.signer.CanSign() || g.signer.Algorithm() == jwt.HS256 {
		return &badFile{fmt.Sprintf("gateway.key_file %s holds no private key that others can verify", path), "remove it, and the next start makes one"}
	}
	return nil
}

func newSigner(path string) ([]byte, error) {
	key, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		return nil, err
	}
	text, err := key.PrivateJWK()
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(append(text, '\n'))
	return text, errors.Join(err, f.Sync(), f.Close())
}

// openKeys fetches the issuer's keys. The issuer is the operator's own choice: it may stand in a private network.
func (g *Gateway) openKeys(ctx context.Context) (err error) {
	issuer := g.cfg.Gateway.Issuer
	g.keys, err = guard.NewRemoteKeys(guard.RemoteKeysConfig{
		Issuer: issuer, InsecureAllowPrivate: true, InsecureAllowHTTP: strings.HasPrefix(issuer, "http:"), Now: g.now, Logger: g.log,
	})
	if err != nil {
		return fmt.Errorf("read gateway.issuer: %w", err)
	}
	if err := g.keys.Fetch(ctx); err != nil {
		return fmt.Errorf("fetch the keys of gateway.issuer: %w", err)
	}
	return nil
}

// openFeed reads what was revoked.
func (g *Gateway) openFeed(ctx context.Context) (err error) {
	c := g.cfg.Gateway
	if c.RevocationsSecret == "" {
		g.log.Warn("revoked tokens count here until they expire", "setting", "gateway.revocations_secret_file is not set")
		return nil
	}
	at := c.RevocationsURL
	if at == "" {
		at = strings.TrimSuffix(c.Issuer, "/") + "/revocations"
	}
	g.list = guard.NewRevocationList(guard.RevocationListConfig{MaxStaleness: max(5*time.Second, g.cfg.Revocation.MaxStaleness), Now: g.now})
	g.follower, err = guard.NewFollower(guard.FollowerConfig{
		URL: at, List: g.list, Now: g.now, Logger: g.log, InsecureAllowHTTP: strings.HasPrefix(at, "http:"),
		Credential: func(context.Context) (string, error) {
			secret, err := readFile(c.RevocationsSecret, "the secret of this reader", true)
			return strings.TrimSpace(string(secret)), err
		},
	})
	if err != nil {
		return fmt.Errorf("read gateway.revocations_url: %w", err)
	}
	if err := g.follower.Load(ctx); err != nil {
		return fmt.Errorf("read the revocations of gateway.issuer: %w", err)
	}
	return nil
}
