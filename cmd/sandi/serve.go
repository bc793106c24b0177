package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/server"
)

func (a *app) serveCommand() *cobra.Command {
	var t target
	var addr string
	var devTLS bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server until SIGTERM or SIGINT; running requests are finished then.

The first start makes the data folder with database and keys, and prints a
secret that makes the first administrator, once. It needs no configuration on
loopback; for real use set the issuer, and give it a certificate (listen.tls_cert_file),
let it get one (acme.hosts), or put a proxy that ends TLS in front.`,
		Example: `  sandi serve
  sandi serve --config /etc/sandi.yaml
  SANDI_ISSUER=https://id.example.com sandi serve --data /var/lib/sandi --addr 127.0.0.1:8080`,
	}
	t.flags(c)
	c.Flags().StringVar(&addr, "addr", "", "listen on `host:port` (default 127.0.0.1:8080)")
	c.Flags().BoolVar(&devTLS, "dev-tls", false, "speak TLS with a self-signed certificate, on loopback, for development")
	return does(c, func(cmd *cobra.Command, _ []string) error {
		settings := map[string]string{}
		if cmd.Flags().Changed("addr") {
			settings["listen.addr"] = addr
		}
		if devTLS {
			settings["listen.dev_tls"] = "true"
		}
		cfg, err := a.load(cmd, t, settings)
		if err != nil {
			return err
		}
		return a.serve(cmd.Context(), server.Options{Config: cfg})
	})
}

// serve runs a server until ctx ends.
func (a *app) serve(ctx context.Context, o server.Options) error {
	o.Stdout, o.Now = a.stdout, a.now
	o.Logger = server.NewLogger(a.stderr, o.Config.Log, a.terminalErr())
	for _, setting := range o.Config.Insecure() {
		o.Logger.Warn("a safe default is loosened", "setting", setting)
	}
	s, err := server.New(ctx, o)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // told to stop before it had started
	}
	if err != nil {
		return err
	}
	o.Logger.Info("serving", "addr", s.Addr(), "issuer", s.Issuer())
	if err := s.Run(ctx); err != nil {
		return err
	}
	o.Logger.Info("stopped")
	return nil
}

// demoFlags are those of the demo.
type demoFlags struct {
	addr, dir, profile, access string
	devTLS                     bool
}

func (a *app) demoCommand() *cobra.Command {
	var f demoFlags
	c := &cobra.Command{
		Use:   "demo",
		Short: "Try Sandi: accounts, a protected API and curl lines to paste",
		Long: `Run a complete server with demo accounts and a small protected application, on
loopback only, and print curl lines for each flow. Its data is gone when it
stops, unless --dir keeps it. It reads no configuration file and no environment.`,
		Example: `  sandi demo
  sandi demo --profile flask
  sandi demo --addr 127.0.0.1:8000 --dir ./demo-data
  sandi demo --access 5s`,
	}
	c.Flags().StringVar(&f.addr, "addr", "127.0.0.1:5000", "listen on `host:port`, on loopback")
	c.Flags().StringVar(&f.dir, "dir", "", "keep the data in this `folder` (default: a temporary one)")
	c.Flags().StringVar(&f.profile, "profile", "sandi", "lifetimes: sandi, flask, apigee or hourly")
	c.Flags().StringVar(&f.access, "access", "", "access tokens live for this `duration` (default: the profile's)")
	c.Flags().BoolVar(&f.devTLS, "dev-tls", false, "speak TLS with a self-signed certificate")
	return does(c, func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context(), f) })
}

func (a *app) demo(ctx context.Context, f demoFlags) (err error) {
	addr, err := loopback(f.addr)
	if err != nil {
		return err
	}
	settings := map[string]string{"listen.addr": addr, "token.profile": f.profile, "data": f.dir}
	if f.access != "" {
		settings["token.access"] = f.access
	}
	if f.devTLS {
		settings["listen.dev_tls"] = "true"
	}
	if f.dir == "" {
		temporary, err := os.MkdirTemp("", "sandi-demo-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }()
		settings["data"] = temporary
	}
	cfg, err := config.Load("", nil, settings)
	if err != nil {
		return err
	}
	return a.serve(ctx, server.Options{Config: server.DemoConfig(cfg), Demo: &server.Demo{Kept: f.dir != ""}})
}

// loopback refuses an address that others can reach: the demo's passwords are
// printed in public. A port alone is taken on 127.0.0.1.
func loopback(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", usage("such as 127.0.0.1:5000", "--addr %q is not host:port", addr)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if host != "localhost" && (err != nil || !ip.Unmap().IsLoopback()) {
		return "", usage("listen on 127.0.0.1, or run 'sandi serve'", "the demo listens on loopback only, for its passwords are printed in public")
	}
	return net.JoinHostPort(host, port), nil
}
