package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/sandi-auth/sandi/client"
)

// spare is how much life an access token has to have left to be printed: it is to be good when it arrives.
const spare = 30 * time.Second

// signIn is a sign-in as its file keeps it.
type signIn struct {
	Issuer    string    `json:"issuer"`
	ClientID  string    `json:"client_id"`
	TokenURL  string    `json:"token_endpoint"`
	RevokeURL string    `json:"revocation_endpoint,omitempty"`
	Resources []string  `json:"resource,omitempty"`
	Scope     string    `json:"scope,omitempty"`
	Access    string    `json:"access_token"`
	Refresh   string    `json:"refresh_token,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // of the access token; zero: not known
}

// signInFile is the file that is meant.
func signInFile(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fault("name the file by --out", "there is no folder for your configuration: %s", err)
	}
	return filepath.Join(dir, "sandi", "login.json"), nil
}

// readSignIn reads a file that its owner alone can read.
func readSignIn(file string) (in signIn, err error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return in, fault("sign in first: sandi login --issuer URL --client-id ID", "nobody is signed in: there is no %s", file)
	}
	if err != nil {
		return in, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return in, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return in, fault("chmod 600 "+file+", and sign in again if others may have read it", "%s can be read by others (mode %04o)", file, mode)
	}
	raw, err := readLimited(f, file)
	if err != nil {
		return in, err
	}
	if json.Unmarshal(raw, &in) != nil || in.TokenURL == "" || in.Access == "" {
		return in, fault("sign in again, or name another file by --out", "%s is not a file of sandi login", file)
	}
	for _, at := range []string{in.TokenURL, in.RevokeURL} {
		if _, err := secureURL(at); err != nil && at != "" {
			return in, fault("sign in again", "%s has an address that %s", file, err)
		}
	}
	return in, nil
}

// write replaces the file at once, with mode 0600.
func (in signIn) write(file string) (err error) {
	text, err := json.MarshalIndent(in, "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(file)+".*") // mode 0600, O_EXCL
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep the sign-in: %w", err), os.Remove(f.Name()))
	}
	return nil
}

func removeSignIn(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// live says that the access token may be used as it is.
func (in signIn) live(now time.Time) bool {
	return in.ExpiresAt.IsZero() || now.Add(spare).Before(in.ExpiresAt)
}

// refresh gets the next tokens.
func (in *signIn) refresh(ctx context.Context) error {
	again := "sign in again: sandi login --issuer " + in.Issuer + " --client-id " + in.ClientID
	if in.Refresh == "" {
		return fault(again, "the access token has expired, and there is no refresh token")
	}
	params := url.Values{}
	if len(in.Resources) > 0 {
		params["resource"] = in.Resources
	}
	fetch, err := client.OAuth(client.OAuthConfig{
		URL: in.TokenURL, ClientID: in.ClientID, RefreshToken: client.Secret(in.Refresh), Params: params,
	})
	if err != nil {
		return err
	}
	t, err := fetch(ctx)
	if e, ok := errors.AsType[*client.Error](err); ok && (e.Code == "invalid_grant" || e.Code == "invalid_client") {
		return fault(again, "the sign-in has ended: %s", e)
	}
	if err != nil {
		return err
	}
	in.Access, in.Refresh, in.ExpiresAt = t.Access.Reveal(), t.Refresh.Reveal(), t.ExpiresAt.UTC().Truncate(time.Second)
	if t.ExpiresAt.IsZero() {
		in.ExpiresAt = time.Time{}
	}
	return nil
}

// revoke ends the grant (RFC 7009); false where the server has no client of that id, or no endpoint for it.
func (in signIn) revoke(ctx context.Context) (bool, error) {
	if in.RevokeURL == "" {
		return false, nil
	}
	form := url.Values{"token": {in.Refresh}, "token_type_hint": {"refresh_token"}, "client_id": {in.ClientID}}
	if in.Refresh == "" {
		form.Set("token", in.Access)
		form.Set("token_type_hint", "access_token")
	}
	err := request(ctx, http.MethodPost, in.RevokeURL, form, nil)
	if e, ok := errors.AsType[*client.Error](err); ok && e.Code == "invalid_client" {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("sign out: %w", err)
	}
	return true, nil
}
