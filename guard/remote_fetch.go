package guard

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// maxDocument is the longest document that is read, in bytes after decompression.
const maxDocument = 1 << 20

var errSlow = fmt.Errorf("no complete answer within %s", flightTime)

// newRemoteClient is a client for documents that anybody may publish. It keeps no connection, so
// that nothing outlives a flight, and no cookie.
func newRemoteClient(roots *x509.CertPool, dial func(context.Context, string, string) (net.Conn, error)) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil, // it would dial for us, unchecked
			DialContext:            dial,
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// load fetches the keys, and says how long they count as current.
func (r *RemoteKeys) load(ctx context.Context) (*jwt.KeySet, time.Duration, error) {
	where := r.cfg.JWKSURL
	if r.cfg.Issuer != "" {
		var err error
		if where, err = r.discover(ctx); err != nil {
			return nil, 0, err
		}
	}
	u, err := r.cfg.reach().parseURL("jwks_uri", where)
	if err != nil {
		return nil, 0, err
	}
	body, header, err := getDocument(ctx, r.client, u, "application/json")
	if err != nil {
		return nil, 0, err
	}
	set, err := r.parse(body)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", shown(u), err)
	}
	return set, min(max(maxAge(header), minAge), r.cfg.MaxAge), nil
}

// discover finds jwks_uri in the metadata of the issuer: where OpenID Connect Discovery 1.0 section
// 4 appends their path to it, or where RFC 8414 section 3.1 inserts it before the issuer's own.
func (r *RemoteKeys) discover(ctx context.Context) (string, error) {
	u, err := r.cfg.reach().parseURL("Issuer", r.cfg.Issuer)
	if err != nil {
		return "", err
	}
	host, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	where, first := r.metadata(ctx, host+path+"/.well-known/openid-configuration")
	if first == nil {
		return where, nil
	}
	if _, unreachable := errors.AsType[*net.OpError](first); unreachable || ctx.Err() != nil {
		return "", first
	}
	where, second := r.metadata(ctx, host+"/.well-known/oauth-authorization-server"+path)
	if second == nil {
		return where, nil
	}
	return "", fmt.Errorf("%w; %w", first, second)
}

// metadata reads jwks_uri from one place. What names another issuer says nothing about this one
// (OpenID Connect Discovery 1.0 section 4.3, RFC 8414 section 3.3).
func (r *RemoteKeys) metadata(ctx context.Context, at string) (string, error) {
	u, err := r.cfg.reach().parseURL("Issuer", at)
	if err != nil {
		return "", err
	}
	body, _, err := getDocument(ctx, r.client, u, "application/json")
	if err != nil {
		return "", err
	}
	var doc map[string]any // not a struct, which would also take "ISSUER"
	if json.Unmarshal(body, &doc) != nil {
		return "", fmt.Errorf("%s: not a JSON object", shown(u))
	}
	if doc["issuer"] != r.cfg.Issuer {
		return "", fmt.Errorf("%s: issuer is %.200q, must be exactly %q", shown(u), fmt.Sprint(doc["issuer"]), r.cfg.Issuer)
	}
	where, ok := doc["jwks_uri"].(string)
	if !ok {
		return "", fmt.Errorf("%s: no jwks_uri", shown(u))
	}
	return where, nil
}

// getDocument reads a document of a type.
func getDocument(ctx context.Context, client *http.Client, u *url.URL, accept string) ([]byte, http.Header, error) {
	if u.Scheme == "http" {
		ctx = context.WithValue(ctx, plainKey{}, true)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", accept)
	res, err := client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the URL, whose query may be secret
		}
		return nil, nil, fmt.Errorf("%s: %w", shown(u), err)
	}
	defer res.Body.Close()
	if res.StatusCode/100 == 3 {
		return nil, nil, fmt.Errorf("%s: answered %d, and redirects are not followed: configure the final URL", shown(u), res.StatusCode)
	}
	if res.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("%s: answered %d", shown(u), res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxDocument+1))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", shown(u), err)
	}
	if len(body) > maxDocument {
		return nil, nil, fmt.Errorf("%s: over %d bytes", shown(u), maxDocument)
	}
	return body, res.Header, nil
}

// shown is a URL for logs, without its query.
func shown(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }

// parse reads a JWK Set that anybody can read. Members of secrets and private keys are looked for
// first: checking one private key that nobody should have published takes a third of a second.
func (r *RemoteKeys) parse(body []byte) (*jwt.KeySet, error) {
	var published struct {
		Keys []map[string]json.RawMessage `json:"keys"`
	}
	_ = json.Unmarshal(body, &published) // what is wrong with it ParseKeySetFor says
	for _, k := range published.Keys {
		if k["d"] != nil || k["k"] != nil {
			return nil, errPublished
		}
	}
	set, err := jwt.ParseKeySetFor(r.cfg.Algorithm, body)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(set.All(), func(k *jwt.Key) bool { return k.Public() != k }) {
		return nil, errPublished
	}
	if ignored := set.Ignored(); set.Len() == 0 && len(ignored) > 0 {
		return nil, fmt.Errorf("none of %d keys can be used, the first because: %w (RSA keys without alg need RemoteKeysConfig.Algorithm)", len(ignored), ignored[0])
	}
	return set, nil
}

var errPublished = errors.New("a key in it is secret or private, and published: everybody can sign with it")

// maxAge is how long an answer says it is fresh (RFC 9111 section 5.2.2); of several directives the
// shortest counts, and one that cannot be read as none at all (section 4.2.1).
func maxAge(h http.Header) time.Duration {
	age, said := defaultAge, false
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			n, _ := strconv.ParseUint(strings.Trim(value, `"`), 10, 31) // 0 or the largest when it fails
			if d := time.Duration(n) * time.Second; !said || d < age {
				age, said = d, true
			}
		}
	}
	return age
}
