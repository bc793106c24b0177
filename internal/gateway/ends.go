package gateway

import (
	"context"
	"errors"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/socket"
)

// ending is why a connection ends: code and reason of its close frame, and a stable word for audit and metrics. The texts are
// those that this server's own sockets have.
type ending struct {
	code   int
	reason string
	why    string
}

var (
	endInvalid   = ending{socket.Invalid, "Unauthorized: Invalid Token", "invalid"}
	endExpired   = ending{socket.Expired, "Unauthorized: Token Expired", "expired"}
	endForbidden = ending{socket.Forbidden, "Forbidden", "forbidden"}
	endKicked    = ending{socket.Forbidden, "Forbidden: Closed By An Administrator", "kicked"}
	endRevoked   = ending{socket.Revoked, "Unauthorized: Token Revoked", "revoked"}
	endAway      = ending{socket.GoingAway, "Going Away", "going_away"}
	endProtocol  = ending{socket.ProtocolError, "Protocol Error", "protocol"}
	endClosed    = ending{socket.Normal, "", "closed"} // by client or upstream; never sent
)

// endOf is the ending for a refusal of the guard.
func endOf(err error) ending {
	e, ok := errors.AsType[*guard.Error](err)
	if !ok {
		return endAway
	}
	switch e.Reason {
	case guard.TokenExpired:
		return endExpired
	case guard.TokenRevoked:
		return endRevoked
	case guard.Unavailable: // the client should come again
		return endAway
	case guard.TokenMissing, guard.TokenInvalid, guard.TokenNotYetValid, guard.TokenWrongType, guard.ProofInvalid, guard.ProofNonce, guard.InvalidRequest:
		return endInvalid
	}
	return endForbidden
}

// lifeEnded is the refusal with which a guard.Lifetime ended ctx, nil where something else did, or nothing.
func lifeEnded(ctx context.Context) *guard.Error {
	e, _ := errors.AsType[*guard.Error](context.Cause(ctx))
	return e
}
