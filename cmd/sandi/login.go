package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// loginFlags are those of sandi login.
type loginFlags struct {
	issuer, clientID     string
	scopes, resources    []string
	device, open         bool
	file                 string
	print, token, forget bool
	asJSON               bool
}

func (a *app) loginCommand() *cobra.Command {
	var f loginFlags
	c := &cobra.Command{
		Use:   "login",
		Short: "Sign in at a server, and have an access token for the command line",
		Long: `Sign in at an OAuth 2.0 server, Sandi or another, and keep the tokens in a file
that you alone can read. The client is registered there once, as a public one:

  sandi client add shell --public --native --redirect http://127.0.0.1/callback \
    --grant authorization_code --grant device_code --grant refresh_token

Without refresh_token the sign-in lasts as long as one access token.

Without --device the address to open is printed, and its answer awaited on
127.0.0.1. With --device any other device opens the address, where a code is
typed in. --token then prints an access token that is alive, refreshed where it
has to be; --forget ends the sign-in and deletes the file.`,
		Example: `  sandi login --issuer https://id.example.com --client-id shell --scope orders
  sandi login --issuer https://id.example.com --client-id shell --device
  curl --oauth2-bearer "$(sandi login --token)" https://api.example.com/orders
  sandi login --forget`,
	}
	f.declare(c)
	return does(c, func(cmd *cobra.Command, _ []string) error { return a.login(cmd.Context(), f) })
}

func (f *loginFlags) declare(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.issuer, "issuer", "", "the server's issuer `URL`: https, or http on loopback")
	flags.StringVar(&f.clientID, "client-id", "", "sign in for the client of this `id`")
	flags.StringArrayVar(&f.scopes, "scope", nil, "ask for this `scope`; may be repeated (default: what the client gets)")
	flags.StringArrayVar(&f.resources, "resource", nil, "ask for tokens for the API of this `URI` (RFC 8707); may be repeated")
	flags.BoolVar(&f.device, "device", false, "sign in on another device, by a code (RFC 8628)")
	flags.BoolVar(&f.open, "open", false, "open the browser of this machine")
	flags.StringVar(&f.file, "out", "", "the `file` of the tokens (default: sandi/login.json among your configuration)")
	flags.BoolVar(&f.print, "print", false, "print the access token, and keep nothing")
	flags.BoolVar(&f.token, "token", false, "print a live access token of the sign-in that is kept")
	flags.BoolVar(&f.forget, "forget", false, "end the sign-in that is kept, and delete its file")
	jsonFlag(c, &f.asJSON)
	c.MarkFlagsMutuallyExclusive("print", "token", "forget")
	c.MarkFlagsMutuallyExclusive("device", "open")
	for _, kept := range []string{"token", "forget"} {
		for _, other := range []string{"issuer", "client-id", "scope", "resource", "device", "open"} {
			c.MarkFlagsMutuallyExclusive(kept, other)
		}
	}
}

func (a *app) login(ctx context.Context, f loginFlags) error {
	file, err := signInFile(f.file)
	if err != nil && !f.print {
		return err
	}
	switch {
	case f.token:
		return a.printLive(ctx, file, f.asJSON)
	case f.forget:
		return a.forgetSignIn(ctx, file, f.asJSON)
	case f.issuer == "" || f.clientID == "":
		return usage("run 'sandi login --help'", "--issuer and --client-id are required")
	}
	in, err := a.signIn(ctx, f)
	if err != nil {
		return err
	}
	if f.print {
		return a.printToken(in, f.asJSON)
	}
	if err := in.write(file); err != nil {
		return err
	}
	if in.Refresh == "" {
		a.warn("the server gave no refresh token: the sign-in lasts until " + stamp(in.ExpiresAt))
	}
	if f.asJSON {
		return a.json(struct {
			Issuer    string    `json:"issuer"`
			ClientID  string    `json:"client_id"`
			Scope     string    `json:"scope"`
			ExpiresAt time.Time `json:"access_token_expires_at"`
			File      string    `json:"file"`
		}{in.Issuer, in.ClientID, in.Scope, in.ExpiresAt, file})
	}
	return a.print(fmt.Sprintf("signed in at %s; the tokens are kept in %s\n", oneLine(in.Issuer), oneLine(file)))
}

// signIn gets tokens by a flow of the server's.
func (a *app) signIn(ctx context.Context, f loginFlags) (signIn, error) {
	s, err := discover(ctx, f.issuer)
	if err != nil {
		return signIn{}, err
	}
	flow := &signInFlow{
		server: s, clientID: f.clientID, scopes: f.scopes, resources: f.resources,
		say: func(text string) { _, _ = fmt.Fprint(a.stderr, text) }, now: a.now, wait: waitFor,
	}
	if f.open {
		flow.open = openBrowser
	}
	if f.device {
		return flow.byDevice(ctx)
	}
	return flow.byBrowser(ctx)
}

// printToken prints the access token as one line.
func (a *app) printToken(in signIn, asJSON bool) error {
	if !asJSON {
		return a.print(oneLine(in.Access) + "\n")
	}
	return a.json(struct {
		Access    string    `json:"access_token"`
		ExpiresAt time.Time `json:"expires_at,omitzero"`
		Scope     string    `json:"scope,omitempty"`
	}{in.Access, in.ExpiresAt, in.Scope})
}

// printLive prints the access token that is kept, or the next one.
func (a *app) printLive(ctx context.Context, file string, asJSON bool) error {
	in, err := readSignIn(file)
	if err != nil {
		return err
	}
	if !in.live(a.now()) {
		if err := in.refresh(ctx); err != nil {
			return err
		}
		if err := in.write(file); err != nil {
			return err
		}
	}
	return a.printToken(in, asJSON)
}

// forgetSignIn revokes the grant (RFC 7009) and deletes the file, in this order: what is deleted first nobody could revoke.
func (a *app) forgetSignIn(ctx context.Context, file string, asJSON bool) error {
	in, err := readSignIn(file)
	if err != nil {
		return err
	}
	revoked, err := in.revoke(ctx)
	if err != nil {
		return err
	}
	if err := removeSignIn(file); err != nil {
		return err
	}
	if !revoked {
		a.warn("the server does not know the client, or revokes nothing: what was handed out counts until it expires")
	}
	if asJSON {
		return a.json(struct {
			Revoked bool   `json:"revoked"`
			File    string `json:"deleted"`
		}{revoked, file})
	}
	return a.print(fmt.Sprintf("signed out of %s, and deleted %s\n", oneLine(in.Issuer), oneLine(file)))
}
