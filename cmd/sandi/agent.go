package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/client"
)

// agentFlags are those of sandi agent connect.
type agentFlags struct {
	auth, username, file, ca string
	passwordStdin, login     bool
	channels                 []string
	asJSON                   bool
}

func (a *app) agentCommand() *cobra.Command {
	return a.group(&cobra.Command{Use: "agent", Short: "Talk in channels of a server, from the terminal"}, a.agentConnectCommand())
}

func (a *app) agentConnectCommand() *cobra.Command {
	var f agentFlags
	c := &cobra.Command{
		Use:   "connect URL",
		Short: "Join channels and talk, over reconnects and renewed tokens",
		Long: `Connect to the WebSocket of a server, join channels, print what is said there and
send what is typed. Each connection is opened by a ticket of one use, so that no
token stands in a URL. When the connection is lost it is made again, and what was
said in between is shown; the token is renewed before it expires. When the session
has been ended, or may not connect, the command stops with exit code 1.

A line is sent to the channel joined last, or else to the server's default one.
/join CHANNEL, /leave CHANNEL, /who [CHANNEL], /json JSON and /quit are commands;
//x sends /x. Ctrl-D ends a conversation at a terminal; where standard input is
none, its end does not, and /quit does.`,
		Example: `  sandi agent connect wss://hq.example.com/missions --username agentx --channel hq
  sandi agent connect ws://127.0.0.1:5000/missions --username AgentX --channel hq
  sandi agent connect wss://hq.example.com/missions --login --channel hq --json
  printf 'TopSecret123\nhello\n/quit\n' | sandi agent connect ws://127.0.0.1:5000/missions --username AgentX --password-stdin --channel hq`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			return usage("such as wss://hq.example.com/missions", "%s takes one URL, and was given %d", cmd.CommandPath(), len(args))
		},
	}
	f.declare(c)
	return does(c, func(cmd *cobra.Command, args []string) error { return a.connect(cmd.Context(), args[0], f) })
}

func (f *agentFlags) declare(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.username, "username", "", "sign in with this `name`, and a password that is asked for")
	flags.BoolVar(&f.passwordStdin, "password-stdin", false, "take the password from the first line of standard input, and the code of a second factor, where one is asked for, from the next")
	flags.BoolVar(&f.login, "login", false, "use the sign-in that 'sandi login' keeps")
	flags.StringVar(&f.file, "login-file", "", "use the sign-in in this `file` of 'sandi login'")
	flags.StringVar(&f.auth, "auth", "", "`URL` of the login API (default: /api/auth of the same server)")
	flags.StringVar(&f.ca, "ca", "", "trust the authorities in this `file`, PEM, instead of the system's")
	flags.StringArrayVar(&f.channels, "channel", nil, "join this `channel`; may be repeated (default: those that the server joins by itself)")
	jsonFlag(c, &f.asJSON)
	c.MarkFlagsMutuallyExclusive("username", "login", "login-file")
	c.MarkFlagsMutuallyExclusive("password-stdin", "login")
	c.MarkFlagsMutuallyExclusive("password-stdin", "login-file")
}

// connect signs in and talks.
func (a *app) connect(ctx context.Context, to string, f agentFlags) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, restore, err := a.newAgent(ctx, to, f)
	if err != nil {
		return err
	}
	defer restore()
	return g.run(ctx)
}

// newAgent signs in. What is typed is read until ctx ends; restore gives the terminal back.
func (a *app) newAgent(ctx context.Context, raw string, f agentFlags) (g *agent, restore func(), err error) {
	to, err := socketURL(raw)
	if err != nil {
		return nil, nil, err
	}
	if f.auth == "" {
		f.auth = apiOf(to)
	} else if _, err := secureURL(f.auth); err != nil {
		return nil, nil, usage("such as https://hq.example.com/api/auth", "--auth %s", err)
	}
	trust, err := trusting(f.ca)
	if err != nil {
		return nil, nil, err
	}
	keys := a.keyboard()
	cred, err := a.agentCredential(ctx, keys, f, trust)
	if err != nil {
		return nil, nil, err
	}
	lines, screen, restore, err := keys.open(ctx, f.asJSON)
	if err != nil {
		return nil, nil, err
	}
	g = &agent{
		cred: cred, to: to, tls: trust, screen: screen, lines: lines, endsIt: keys.tty != nil, after: time.After,
		channels: f.channels, cursors: map[string]string{},
	}
	if n := len(f.channels); n > 0 {
		g.current = f.channels[n-1]
	}
	return g, restore, nil
}

// agentCredential signs in as the flags say.
func (a *app) agentCredential(ctx context.Context, keys *keyboard, f agentFlags, trust *tls.Config) (*credential, error) {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust, ForceAttemptHTTP2: true}
	c := &credential{auth: strings.TrimSuffix(f.auth, "/"), now: a.now, http: &http.Client{
		Transport: transport, Timeout: 15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // what is sent is for one server alone
	}}
	if f.login || f.file != "" {
		file, err := signInFile(f.file)
		if err != nil {
			return nil, err
		}
		return c, c.bySignIn(file)
	}
	if f.username == "" {
		return nil, usage("give --username NAME, or --login after 'sandi login'", "nobody is named who signs in")
	}
	password, err := keys.secret(ctx, "password", f.passwordStdin)
	if err != nil {
		return nil, err
	}
	err = c.byPassword(ctx, f.username, password, func(ctx context.Context) (client.Secret, error) {
		return keys.secret(ctx, "code of the second factor", f.passwordStdin)
	})
	if e, ok := errors.AsType[*client.Error](err); ok {
		return nil, fault("check --username and the password", "cannot sign in at %s: %s", c.auth, e)
	}
	if err != nil {
		return nil, fmt.Errorf("sign in at %s: %w", c.auth, err)
	}
	return c, nil
}

// socketURL reads the URL of a WebSocket: wss, or ws on loopback.
func socketURL(raw string) (*url.URL, error) {
	scheme, rest, _ := strings.Cut(raw, "://")
	u, err := secureURL(map[string]string{"wss": "https", "ws": "http"}[strings.ToLower(scheme)] + "://" + rest)
	if err != nil {
		return nil, usage("such as wss://hq.example.com/missions", "the URL is not of the form wss://HOST/PATH, without query; ws is for loopback alone")
	}
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	if u.Path == "" {
		u.Path = "/missions"
	}
	return u, nil
}

// apiOf is the URL of the login API beside a WebSocket.
func apiOf(to *url.URL) string {
	api := url.URL{Scheme: map[string]string{"wss": "https", "ws": "http"}[to.Scheme], Host: to.Host, Path: "/api/auth"}
	return api.String()
}

// trusting is whom TLS trusts: the authorities of a file, or the system's.
func trusting(file string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if file == "" {
		return c, nil
	}
	raw, err := readFile(file)
	if err != nil {
		return nil, err
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(raw) {
		return nil, fault("give the certificates of the authorities as PEM", "%s has no certificate", file)
	}
	return c, nil
}
