package main

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sandi-auth/sandi/guard"
)

type interceptor struct{ *guard.Guard }

func (i interceptor) check(ctx context.Context, method string) (context.Context, error) {
	reqs, ok := methods[method]
	if !ok {
		return nil, status.Error(codes.PermissionDenied, string(guard.Forbidden))
	}
	lines := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(lines) > 1 {
		return nil, status.Error(codes.Unauthenticated, string(guard.InvalidRequest))
	}
	scheme, token, _ := strings.Cut(strings.Join(lines, ""), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, status.Error(codes.Unauthenticated, string(guard.TokenMissing))
	}
	t, err := i.CheckToken(ctx, token, reqs...)
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

// stream is one that ends with its token: its context does, and Send and Recv fail, those under way too.
type stream struct {
	grpc.ServerStream
	life context.Context
}

func (s stream) Context() context.Context { return s.life }

func (s stream) SendMsg(m any) error {
	return s.whileAlive(func() error { return s.ServerStream.SendMsg(m) })
}

func (s stream) RecvMsg(m any) error {
	return s.whileAlive(func() error { return s.ServerStream.RecvMsg(m) })
}

func (s stream) whileAlive(step func() error) error {
	done := make(chan error, 1)
	go func() { done <- step() }()
	select {
	case err := <-done:
		if s.life.Err() == nil {
			return err
		}
	case <-s.life.Done():
	}
	return toStatus(context.Cause(s.life))
}

func toStatus(err error) error {
	e, ok := errors.AsType[*guard.Error](err)
	if !ok {
		return status.FromContextError(err).Err()
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
