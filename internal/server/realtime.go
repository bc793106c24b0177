package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/realtime"
	"github.com/sandi-auth/sandi/internal/socket"
	"github.com/sandi-auth/sandi/internal/socketio"
)

// wireRealtime builds the live sockets, where they are switched on.
func (s *Server) wireRealtime(context.Context) error {
	r := s.cfg.Realtime
	if !r.Enabled {
		return nil
	}
	issuer, err := url.Parse(s.cfg.Issuer)
	if err != nil {
		return fmt.Errorf("read issuer: %w", err)
	}
	origins := s.socketOrigins(issuer)
	g, err := s.socketGuard(issuer, origins)
	if err != nil {
		return err
	}
	channels, err := channelsOf(r.Channels)
	if err != nil {
		return err
	}
	levels := map[string]int{}
	for _, c := range r.Clearances {
		levels[c.Role] = c.Level
	}
	s.hub, err = realtime.NewHub(realtime.Config{
		Guard: g, Revocations: s.revocations, Store: s.db, News: s.shared, Metrics: s.registry, Logger: s.log, Now: s.now, Node: s.node,
		Channels: channels, Levels: levels, DefaultChannel: r.DefaultChannel, ExpiringNotice: r.ExpiringNotice, DrainTime: r.DrainTime,
		Limits: realtime.Limits{
			Connections: r.MaxConnections, PerUser: r.MaxPerUser, PerAddress: r.MaxPerAddress, Channels: r.MaxChannels, Rate: r.Rate, Kept: r.MaxKept,
			Exempt: s.exempt,
		},
	})
	if err != nil {
		return err
	}
	s.door = realtime.NewDoor(realtime.DoorConfig{
		Hub: s.hub, Guard: g, Web: s.web, Logger: s.log, Origins: origins, AuthTimeout: r.AuthTimeout, Exempt: s.exempt,
		InsecureQueryToken: r.InsecureQueryToken, InsecureAnyOrigin: r.InsecureAnyOrigin,
		Socket: socket.Config{MaxMessage: r.MaxMessage, Queue: r.Queue, WriteTimeout: r.WriteTimeout, PingEvery: r.PingEvery},
		SocketIO: socketio.Config{
			PingInterval: r.PingEvery, PingTimeout: r.PingEvery, MaxPayload: r.MaxMessage, Queue: r.Queue, WriteTimeout: r.WriteTimeout,
			MaxSessions: r.MaxConnections, Recovery: r.Recovery, Now: s.now,
		},
	})
	return nil
}

// socketOrigins are the origins whose pages may open sockets. Loopback has several names.
func (s *Server) socketOrigins(issuer *url.URL) []string {
	own := []string{s.cfg.Issuer}
	for _, host := range hosts(issuer.Hostname())[1:] {
		own = append(own, issuer.Scheme+"://"+net.JoinHostPort(host, issuer.Port()))
	}
	return slices.Concat(own, s.cfg.API.Origins, s.cfg.Realtime.Origins)
}

// runSockets keeps live sockets until ctx ends, and then sees them all off.
func (s *Server) runSockets(ctx context.Context) error {
	if s.hub == nil {
		return nil
	}
	err := s.hub.Run(ctx)
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	return errors.Join(err, s.door.Close(late))
}

// socketGuard reads the tokens of handshakes, and of those who re-authenticate.
func (s *Server) socketGuard(issuer *url.URL, origins []string) (*guard.Guard, error) {
	c, err := s.ownGuard(issuer)
	if err != nil {
		return nil, err
	}
	c.Cookie.Origins = origins
	return guard.New(c)
}

// exempt says whether sockets of an address are not counted: this machine's and trusted proxies'.
func (s *Server) exempt(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err != nil || ip.IsLoopback() || slices.ContainsFunc(s.cfg.Listen.Proxies(), func(p netip.Prefix) bool { return p.Contains(ip.Unmap()) })
}

// channelsOf reads the channels of the configuration and the schemas that they name.
func channelsOf(configured []config.Channel) ([]realtime.Channel, error) {
	var list []realtime.Channel
	for i, c := range configured {
		one := realtime.Channel{
			Name:      c.Name,
			Subscribe: realtime.Requirement{Roles: c.SubscribeRoles, Scopes: c.SubscribeScopes, Level: c.SubscribeLevel},
			Publish:   realtime.Requirement{Roles: c.PublishRoles, Scopes: c.PublishScopes, Level: c.PublishLevel},
			ReadOnly:  c.ReadOnly, MaxBytes: c.MaxBytes, Rate: c.Rate, Keep: c.Keep, KeepFor: c.KeepFor, Presence: c.Presence,
		}
		if c.SchemaFile != "" {
			text, err := readFile(c.SchemaFile, "a JSON Schema", false)
			if err != nil {
				return nil, fmt.Errorf("read realtime.channels[%d].schema_file: %w", i, err)
			}
			one.Schema = json.RawMessage(text)
		}
		list = append(list, one)
	}
	return list, nil
}
