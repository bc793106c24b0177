// Command grpc puts a guard before the methods of google.golang.org/grpc. A stream ends when its token does;
// interceptor.go is what to take over.
package main

import (
	"errors"
	"fmt"
	"log"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

const addr = "127.0.0.1:8080"

// methods are what each asks for. One that does not stand here is refused: none can be forgotten.
var methods = map[string][]guard.Requirement{
	"/grpc.health.v1.Health/Check": {},
	"/grpc.health.v1.Health/List":  {guard.Role("operator")},
	"/grpc.health.v1.Health/Watch": {guard.Role("operator")},

	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": {},
}

func newServer(c guard.Config) (*grpc.Server, error) {
	g, err := guard.New(c)
	if err != nil {
		return nil, err
	}
	i := interceptor{g}
	s := grpc.NewServer(grpc.UnaryInterceptor(i.unary), grpc.StreamInterceptor(i.stream))
	grpc_health_v1.RegisterHealthServer(s, health.NewServer()) // stands in for a service of one's own
	reflection.RegisterV1(s)                                   // tells grpcurl what there is
	return s, nil
}

func main() {
	key, err := jwt.GenerateKey(jwt.ES256) // for this run; a program whose tokens outlive it loads one by jwt.ParsePEM
	iss, err2 := guard.NewIssuer(guard.IssuerConfig{Key: key, Issuer: "https://hq.example"})
	if err := errors.Join(err, err2); err != nil {
		log.Fatal(err)
	}
	s, err := newServer(iss.Config())
	token, err2 := iss.Access(guard.Grant{Subject: "mei", Roles: []string{"operator"}})
	l, err3 := net.Listen("tcp", addr)
	if err := errors.Join(err, err2, err3); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("grpcurl -plaintext -H 'authorization: Bearer %s' %s grpc.health.v1.Health/Watch\n", token, addr)
	log.Fatal(s.Serve(l))
}
