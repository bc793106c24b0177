package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/server"
)

func (a *app) gatewayCommand() *cobra.Command {
	var t target
	var addr string
	var devTLS bool
	c := &cobra.Command{
		Use:   "gateway",
		Short: "Run a guard in front of other people's servers",
		Long: `Run a gateway until SIGTERM or SIGINT: a reverse proxy that lets in who has a
token of gateway.issuer, tells each upstream who calls, and ends WebSockets and
event streams with their token. Running requests are finished when it stops.

It needs no database: it reads the issuer's public keys, and with
gateway.revocations_secret_file what was revoked. 'sandi serve' runs the same
gateway by itself where gateway.addr is set.`,
		Example: `  sandi gateway --config /etc/sandi-gateway.yaml
  SANDI_GATEWAY_ADDR=127.0.0.1:8443 sandi gateway --config gateway.yaml --data /var/lib/sandi-gateway`,
	}
	t.flags(c)
	c.Flags().StringVar(&addr, "addr", "", "listen on `host:port`, instead of gateway.addr")
	c.Flags().BoolVar(&devTLS, "dev-tls", false, "speak TLS with a self-signed certificate, on loopback, for development")
	return does(c, func(cmd *cobra.Command, _ []string) error {
		settings := map[string]string{}
		if cmd.Flags().Changed("addr") {
			settings["gateway.addr"] = addr
		}
		if devTLS {
			settings["listen.dev_tls"] = "true"
		}
		cfg, err := a.load(cmd, t, settings)
		if err != nil {
			return err
		}
		if cfg.Gateway.Addr == "" || cfg.Gateway.Issuer == "" {
			return usage("say in the configuration where the gateway listens, and whose tokens count", "gateway.addr and gateway.issuer are required")
		}
		return a.gateway(cmd.Context(), cfg)
	})
}

// gateway runs one until ctx ends.
func (a *app) gateway(ctx context.Context, cfg config.Config) error {
	log := server.NewLogger(a.stderr, cfg.Log, a.terminalErr())
	for _, setting := range cfg.Insecure() {
		log.Warn("a safe default is loosened", "setting", setting)
	}
	g, err := server.NewGateway(ctx, server.GatewayOptions{Config: cfg, Logger: log, Now: a.now})
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // told to stop before it had started
	}
	if err != nil {
		return err
	}
	log.Info("serving", "addr", g.Addr(), "issuer", cfg.Gateway.Issuer)
	if err := g.Run(ctx); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}
