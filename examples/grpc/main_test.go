package main

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/sandi-auth/sandi/examples/internal/proof"
	"github.com/sandi-auth/sandi/guard"
)

func dial(t *testing.T, c guard.Config) *grpc.ClientConn {
	t.Helper()
	s, err := newServer(c)
	if err != nil {
		t.Fatal(err)
	}
	l := bufconn.Listen(1 << 16)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///bufconn", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return conn
}

func TestInterceptors(t *testing.T) {
	t.Parallel()
	iss := proof.Issuer(t, guard.IssuerConfig{})
	conn := dial(t, iss.Config())
	operator, clerk := "Bearer "+proof.Token(t, iss, "mei", time.Minute, "operator"), "Bearer "+proof.Token(t, iss, "budi", time.Minute)
	const service = "/grpc.health.v1.Health/"
	for _, tt := range []struct {
		name, method  string
		authorization []string
		code          codes.Code
		message       string
	}{
		{"no token", "Check", nil, codes.Unauthenticated, "token_missing"},
		{"a token", "Check", []string{clerk}, codes.OK, ""},
		{"another scheme", "Check", []string{"Basic eDp5"}, codes.Unauthenticated, "token_missing"},
		{"scheme in small letters", "Check", []string{"bearer " + clerk[len("Bearer "):]}, codes.OK, ""},
		{"two tokens", "Check", []string{clerk, operator}, codes.Unauthenticated, "invalid_request"},
		{"bad token", "Check", []string{clerk + "x"}, codes.Unauthenticated, "token_invalid"},
		{"wrong role", "List", []string{clerk}, codes.PermissionDenied, "forbidden"},
		{"right role", "List", []string{operator}, codes.OK, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			for _, v := range tt.authorization {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", v)
			}
			var in, out grpc_health_v1.HealthCheckRequest // both messages are empty where nothing is asked
			err := conn.Invoke(ctx, service+tt.method, &in, &out)
			if got := status.Convert(err); got.Code() != tt.code || got.Message() != tt.message {
				t.Errorf("got %v, want %v %s", err, tt.code, tt.message)
			}
		})
	}
}

// A stream begins with a good token, and ends when that is revoked or expires.
func TestStream(t *testing.T) {
	t.Parallel()
	iss := proof.Issuer(t, guard.IssuerConfig{})
	ended := guard.NewRevocationList(guard.RevocationListConfig{})
	c := iss.Config()
	c.Revocations = ended
	health := grpc_health_v1.NewHealthClient(dial(t, c))
	for _, tt := range []struct {
		name string
		life time.Duration
		role string
		code codes.Code
		want string
	}{
		{"wrong role", time.Minute, "clerk", codes.PermissionDenied, "forbidden"},
		{"expired", 2 * time.Second, "operator", codes.Unauthenticated, "token_expired"},
		{"revoked", time.Minute, "operator", codes.Unauthenticated, "token_revoked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			token := proof.Token(t, iss, tt.name, tt.life, tt.role)
			s, err := health.Watch(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token), &grpc_health_v1.HealthCheckRequest{})
			if err != nil {
				t.Fatal(err)
			}
			for n := 0; err == nil; n++ {
				if _, err = s.Recv(); err == nil && n == 0 && tt.want == "token_revoked" {
					ended.Add(guard.RevocationEntry{Kind: guard.RevokedUser, Handle: tt.name, NotBefore: time.Now()})
				}
			}
			if got := status.Convert(err); got.Code() != tt.code || got.Message() != tt.want {
				t.Errorf("got %v, want %v %s", err, tt.code, tt.want)
			}
		})
	}
}

// A method that nobody wrote a line for is nobody's.
func TestForgottenMethod(t *testing.T) {
	t.Parallel()
	if _, err := (interceptor{}).check(t.Context(), "/grpc.health.v1.Health/Forgotten"); status.Code(err) != codes.PermissionDenied {
		t.Errorf("got %v, want PermissionDenied", err)
	}
}

// A handler that receives and sends by turns, and never looks at its context, does nothing more once the token is revoked.
func TestStreamOfAHandlerThatDoesNotLook(t *testing.T) {
	t.Parallel()
	iss, ended := proof.Issuer(t, guard.IssuerConfig{}), guard.NewRevocationList(guard.RevocationListConfig{})
	c := iss.Config()
	c.Revocations = ended
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+proof.Token(t, iss, "mei", time.Minute))
	s, err := grpc_reflection_v1.NewServerReflectionClient(dial(t, c)).ServerReflectionInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	list := grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{}}
	if err := s.Send(&list); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Recv(); err != nil {
		t.Fatal(err)
	}
	ended.Add(guard.RevocationEntry{Kind: guard.RevokedUser, Handle: "mei", NotBefore: time.Now()})
	if _, err := s.Recv(); status.Convert(err).Message() != "token_revoked" { // though the client sent nothing
		t.Errorf("got %v, want token_revoked", err)
	}
}

// stuck is the stream of a client that neither reads nor sends.
type stuck struct {
	grpc.ServerStream
	over chan struct{}
}

func (s stuck) SendMsg(any) error { <-s.over; return nil }

func (s stuck) RecvMsg(any) error { <-s.over; return nil }

func TestStuckStream(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	defer close(over)
	life, end := context.WithCancelCause(t.Context())
	s := stream{stuck{over: over}, life}
	end(&guard.Error{Reason: guard.TokenRevoked})
	for _, err := range []error{s.SendMsg(nil), s.RecvMsg(nil)} {
		if status.Convert(err).Message() != "token_revoked" {
			t.Errorf("got %v, want token_revoked", err)
		}
	}
}
