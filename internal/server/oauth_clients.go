package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/jwt"
)

// OAuthPolicy is what clients may ask for by a resolved configuration. The server's own audience counts as resources.
func OAuthPolicy(c config.Config) oauth.Policy {
	life, o := c.Lifetimes(), c.OAuth
	p := oauth.Policy{
		Access: life.Access, Idle: life.Idle, Absolute: life.Absolute, Rotate: life.Rotate,
		MaxAccess: o.MaxAccess, MaxIdle: o.MaxIdle, MaxAbsolute: o.MaxAbsolute,
		Symmetric: jwt.Algorithm(c.Token.Algorithm) == jwt.HS256,
	}
	for _, s := range o.Scopes {
		languages := map[string]string{}
		for language, text := range map[string]string{"id": s.DescriptionID, "zh-Hant": s.DescriptionZhHant} {
			if text != "" {
				languages[language] = text
			}
		}
		p.Scopes = append(p.Scopes, oauth.Scope{Name: s.Name, Description: s.Description, Descriptions: languages})
	}
	for _, r := range o.Resources {
		p.Resources = append(p.Resources, oauth.Resource{ID: r.ID, Name: r.Name, Scopes: r.Scopes, Access: r.Access})
	}
	for _, id := range c.Token.Audience {
		if !slices.ContainsFunc(p.Resources, func(r oauth.Resource) bool { return r.ID == id }) {
			p.Resources = append(p.Resources, oauth.Resource{ID: id})
		}
	}
	return p
}

// JudgeClients is a config.Judge: what is wrong with the configured clients, as far as that shows without opening files.
func JudgeClients(c config.Config) (faults []config.Fault) {
	p := OAuthPolicy(c)
	for i, one := range c.OAuth.Clients {
		for _, f := range oauth.Faults(oauth.Validate(clientOf(one), p)) {
			if f.Field == "secrets" || f.Field == "jwks" && one.JWKSFile != "" {
				continue // they stand in files
			}
			faults = append(faults, config.Fault{Path: clientPath(i) + clientSetting(f.Field), Message: f.Message, Hint: f.Hint})
		}
	}
	for i, r := range c.OAuth.Resources {
		if !oauth.IsResource(r.ID) {
			faults = append(faults, config.Fault{
				Path: fmt.Sprintf("oauth.resources[%d].id", i), Message: "is not an absolute URI without fragment (RFC 8707 section 2)", Hint: "such as https://api.example.com",
			})
		}
	}
	return faults
}

func clientPath(i int) string { return fmt.Sprintf("oauth.clients[%d].", i) }

// clientSetting is the key in the file for a field of oauth.Client.
func clientSetting(field string) string {
	switch field {
	case "client_id":
		return "id"
	case "client_name":
		return "name"
	case "token_endpoint_auth_method":
		return "auth"
	case "secrets":
		return "secret_file"
	case "jwks":
		return "jwks_file"
	case "tls_client_auth_subject_dn":
		return "tls_subject"
	case "tls_client_auth_san_dns":
		return "tls_name"
	case "grant_types":
		return "grants"
	case "dpop_bound_access_tokens":
		return "dpop_bound"
	case "tls_client_certificate_bound_access_tokens":
		return "tls_bound"
	}
	return field
}

// ConfiguredClients are those of the configuration without what stands in their files: for who lists them.
func ConfiguredClients(c config.Config) (clients []oauth.Client) {
	for _, one := range c.OAuth.Clients {
		clients = append(clients, clientOf(one))
	}
	return clients
}

// clientOf is a configured client without what stands in its files.
func clientOf(c config.Client) oauth.Client {
	grants := make([]string, len(c.Grants))
	for i, word := range c.Grants {
		grants[i] = word // one that is not known is told by oauth.Validate
		if g, ok := oauth.GrantType(word); ok {
			grants[i] = g
		}
	}
	return oauth.Client{
		ID: c.ID, Name: c.Name, Origin: oauth.FromConfig, AuthMethod: c.Auth, TLSSubject: c.TLSSubject, TLSName: c.TLSName,
		GrantTypes: grants, RedirectURIs: c.RedirectURIs, Native: c.Native,
		PostLogoutRedirectURIs: c.PostLogoutRedirectURIs, BackchannelLogoutURI: c.BackchannelLogoutURI,
		Scopes: c.Scopes, Resources: c.Resources, Roles: c.Roles, Serves: c.Serves,
		Access: c.Access, Idle: c.Idle, Absolute: c.Absolute, KeepRefresh: c.KeepRefresh,
		SkipConsent: c.SkipConsent, DPoPBound: c.DPoPBound, TLSBound: c.TLSBound,
		RequirePushed: c.RequirePushed, RequireSignedRequest: c.RequireSignedRequest, FAPI: c.FAPI,
		MayImpersonate: c.MayImpersonate, Actor: c.Actor, SignedIntrospection: c.SignedIntrospection,
		InsecurePasswordGrant: c.InsecurePasswordGrant, InsecureImplicitGrant: c.InsecureImplicitGrant,
		InsecureNoRotation: c.InsecureNoRotation, InsecureTokenURLAudience: c.InsecureTokenURLAudience,
	}
}

// OAuthClients are the configured clients, their files read. The error is a *config.Error where a client must not be, else that of a file.
func OAuthClients(c config.Config, now time.Time) (clients []oauth.Client, err error) {
	var faults []config.Fault
	p := OAuthPolicy(c)
	for i, one := range c.OAuth.Clients {
		made := clientOf(one)
		if made.Secrets, err = readSecrets(clientPath(i), one, now); err != nil {
			return nil, err
		}
		if made.KeySet, err = readKeys(clientPath(i), one); err != nil {
			return nil, err
		}
		for _, f := range oauth.Faults(oauth.Validate(made, p)) {
			faults = append(faults, config.Fault{Path: clientPath(i) + clientSetting(f.Field), Message: f.Message, Hint: f.Hint})
		}
		clients = append(clients, made)
	}
	if len(faults) > 0 {
		return nil, &config.Error{Faults: faults}
	}
	return clients, nil
}

// secretLine is a secret that every library sends alike: it has no character that form-urlencoding changes for some and not for others.
var secretLine = regexp.MustCompile(`^[A-Za-z0-9._~-]{32,256}$`)

// readSecrets reads the hashes of a client's secrets, or makes them of its file. The errors hold nothing of a secret. secure-defaults 2.
func readSecrets(path string, c config.Client, now time.Time) (secrets []oauth.Secret, err error) {
	for _, text := range c.SecretSHA256 {
		b, err := hex.DecodeString(text)
		if err != nil || len(b) != sha256.Size {
			return nil, fmt.Errorf("%ssecret_sha256 is not 64 hexadecimal digits", path)
		}
		secrets = append(secrets, oauth.Secret{Hash: [sha256.Size]byte(b), CreatedAt: now})
	}
	if c.SecretFile == "" {
		return secrets, nil
	}
	setting := path + "secret_file"
	text, err := readFile(c.SecretFile, "the client's secret", true)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", setting, err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := checkSecretLine(line); err != nil {
			return nil, fmt.Errorf("%s (%s): %w", setting, c.SecretFile, err)
		}
		secrets = append(secrets, oauth.Secret{Hash: sha256.Sum256([]byte(line)), CreatedAt: now})
	}
	return secrets, nil
}

func checkSecretLine(line string) error {
	if !secretLine.MatchString(line) {
		return &badFile{"a line is not a secret of 32 to 256 letters, digits and - . _ ~", "make a good one with: sandi key secret"}
	}
	return key.CheckSecret(jwt.HS256, []byte(line))
}

// readKeys reads a client's JWK Set. What is in it is for oauth.Validate to judge.
func readKeys(path string, c config.Client) (string, error) {
	if c.JWKSFile == "" {
		return "", nil
	}
	text, err := readFile(c.JWKSFile, "a JWK Set", false)
	if err != nil {
		return "", fmt.Errorf("read %sjwks_file: %w", path, err)
	}
	return string(text), nil
}

// registrationToken is the SHA-256 of the token that lets programs register clients; nil for nobody.
func registrationToken(c config.Config) ([]byte, error) {
	token, err := readPassword("oauth.registration_token_file", c.OAuth.RegistrationTokenFile)
	if err != nil || token == "" {
		return nil, err
	}
	if err := checkSecretLine(token); err != nil {
		return nil, fmt.Errorf("oauth.registration_token_file (%s): %w", c.OAuth.RegistrationTokenFile, err)
	}
	hash := sha256.Sum256([]byte(token))
	return hash[:], nil
}

// oauthConfig is what the configuration says of clients, and what the store knows of them.
func (s *Server) oauthConfig() (c oauth.Config, err error) {
	configured, err := OAuthClients(s.cfg, s.now())
	if err != nil {
		return c, err
	}
	c.Policy = OAuthPolicy(s.cfg)
	if c.Registration, err = registrationToken(s.cfg); err != nil {
		return c, err
	}
	c.Clients, err = oauth.NewClients(oauth.ClientsConfig{Store: s.db, Configured: configured, Now: s.now})
	return c, err
}

// warnClients logs the Insecure options of the clients in the store, as those of the configuration are logged at every start.
func (s *Server) warnClients(ctx context.Context) error {
	clients, err := s.db.Clients(ctx)
	for _, c := range clients {
		for _, option := range c.Insecure() {
			s.log.WarnContext(ctx, "a client loosens a safe default", "client_id", c.ID, "setting", option)
		}
	}
	return err
}
