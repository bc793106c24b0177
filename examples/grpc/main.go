// Command grpc puts a guard before the methods of google.golang.org/grpc. A stream ends when its token does.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

const addr = "127.0.0.1:8080"

// methods are what each asks for. One that does not stand here is refused: none can be forgotten.
var methods = map[string][]guard.Requirement{
	"/grpc.health.v1.Health/Check": {},
	"/grpc.health.v1.Health/List":  {guard.Role("operator")},
	"/grpc.health.v1.Health/Watch": {guard.Role("operator")},
}

type interceptor struct{ *guard.Guard }

// check reads the metadata as a guard reads the header of a request: authorization, once, Bearer.
func (i interceptor) check(ctx context.Context, method string) (context.Context, error) {
	reqs, ok := methods[method]
	if !ok {
		return nil, status.Error(codes.PermissionDenied, string(guard.Forbidden))
	}
	md, _ := metadata.FromIncomingContext(ctx)
	r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: method}, Header: http.Header{"Authorization": md["authorization"]}}
	t, err := i.Check(r.WithContext(ctx), reqs...)
	if err != nil {
		return nil, toStatus(err)
	}
	return guard.WithIdentity(ctx, t), nil
}

func (i interceptor) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx, err := i.check(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (i interceptor) stream(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	ctx, err := i.check(s.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	life := guard.Lifetime(ctx)
	err = next(srv, stream{s, life})
	if ended, ok := errors.AsType[*guard.Error](context.Cause(life)); ok {
		return toStatus(ended)
	}
	return err
}

// stream is one whose context ends with the token; a handler that waits selects on it.
type stream struct {
	grpc.ServerStream
	life context.Context
}

func (s stream) Context() context.Context { return s.life }

func toStatus(err error) error {
	e, ok := errors.AsType[*guard.Error](err)
	if !ok {
		return status.Error(codes.Internal, "server_error")
	}
	code := codes.PermissionDenied
	switch e.Status() {
	case http.StatusUnauthorized, http.StatusBadRequest:
		code = codes.Unauthenticated
	case http.StatusServiceUnavailable:
		code = codes.Unavailable
	}
	return status.Error(code, string(e.Reason))
}

func newServer(c guard.Config) (*grpc.Server, error) {
	g, err := guard.New(c)
	if err != nil {
		return nil, err
	}
	i := interceptor{g}
	s := grpc.NewServer(grpc.UnaryInterceptor(i.unary), grpc.StreamInterceptor(i.stream))
	grpc_health_v1.RegisterHealthServer(s, health.NewServer()) // stands in for a service of one's own
	return s, nil
}

func main() {
	key, err := jwt.GenerateKey(jwt.ES256) // for this run; a program whose tokens outlive it loads one by jwt.ParsePEM
	iss, err2 := guard.NewIssuer(guard.IssuerConfig{Key: key, Issuer: "https://hq.example"})
	if err := errors.Join(err, err2); err != nil {
		log.Fatal(err)
	}
	s, err := newServer(iss.Config())
	token, err2 := iss.Access(guard.Grant{Subject: "mei", Roles: []string{"operator"}, Lifetime: 15 * time.Minute})
	l, err3 := net.Listen("tcp", addr)
	if err := errors.Join(err, err2, err3); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("grpcurl -plaintext -H 'authorization: Bearer %s' -proto health.proto %s grpc.health.v1.Health/Watch\n", token, addr)
	log.Fatal(s.Serve(l))
}
