// Package audit is what happened: append-only events, committed in the same
// transaction as the change they tell of.
package audit

import "time"

// From says where a request came from. It is passed explicitly to whatever
// changes something, and copied into the event.
type From struct {
	Address   string // the client's IP address, without port; empty for the command line
	UserAgent string // at most 256 bytes, control characters removed
	RequestID string
	Actor     string // the subject who did it, or "cli"; empty when not known (a login)
}

// Event is one row of the audit log. It never holds a token, password or code.
type Event struct {
	Seq     int64     // assigned by the store, ascending
	At      time.Time // zero: the time of its transaction
	Action  Action
	Subject string // the user it happened to
	Session string // the session's id in text form, where there is one
	From    From
	Detail  map[string]string
}

// Action names what happened. The names are stable: people alert on them.
type Action string

// The actions.
const (
	UserCreated      Action = "user.created"
	UserDisabled     Action = "user.disabled"
	UserEnabled      Action = "user.enabled"
	UserRenamed      Action = "user.renamed"
	UsersExported    Action = "user.exported"      // all of them, with their password hashes
	RolesChanged     Action = "user.roles_changed" // detail was, roles: separated by spaces
	PasswordChanged  Action = "user.password_changed"
	PasswordRehashed Action = "user.password_rehashed"
	AdminBootstrap   Action = "admin.bootstrapped"
	SessionBegun     Action = "session.begun"
	SessionProved    Action = "session.proved" // its user proved again who they are
	SessionEnded     Action = "session.ended"
	RefreshReused    Action = "session.refresh_reused"
	RolledForward    Action = "session.rolled_forward"
	LoginRefused     Action = "login.refused"
	KeyCreated       Action = "key.created"
	TokenSigned      Action = "token.signed" // beside all sessions, on the command line; detail kid, jti, exp
	KeyRemoved       Action = "key.removed"
	KeyRevoked       Action = "key.revoked"        // detail kid, alg, reason
	MasterChanged    Action = "key.master_changed" // detail from, to: fingerprints
	ClientAdded      Action = "client.added"       // detail client_id, origin
	ClientChanged    Action = "client.changed"     // detail client_id, what
	ClientRemoved    Action = "client.removed"     // detail client_id
	ConsentGiven     Action = "consent.given"      // detail client_id, scope
	ConsentRemoved   Action = "consent.removed"    // detail client_id
	CodeReused       Action = "code.reused"        // detail client_id: its session is ended
	DeviceApproved   Action = "device.approved"    // detail client_id, scope
	DeviceDenied     Action = "device.denied"      // detail client_id
	TokenRevoked     Action = "token.revoked"      // one without a session; detail client_id, jti
	TokenExchanged   Action = "token.exchanged"    // detail client_id, actor, resource, jti
	FactorAdded      Action = "factor.added"       // detail kind
	FactorRemoved    Action = "factor.removed"     // detail kind
	FactorRefused    Action = "factor.refused"     // a wrong or used code, at most one event an address and minute
	RecoveryUsed     Action = "recovery_code.used" // detail left
	RecoveryRenewed  Action = "recovery_codes.renewed"
	StoreRestored    Action = "store.restored" // by a backup or a dump; detail sessions, and what of the backup is known
)

// The actions of live sockets and their channels.
const (
	SocketOpened          Action = "socket.opened"          // detail socket, transport, client_id
	SocketRefused         Action = "socket.refused"         // detail reason, count: at most one event an address and minute
	SocketReauthenticated Action = "socket.reauthenticated" // detail socket
	SocketClosed          Action = "socket.closed"          // detail socket, transport, why, code, seconds
	SocketKicked          Action = "socket.kicked"          // detail socket: an administrator asked for its end
	ChannelChanged        Action = "channel.changed"        // made or replaced; detail channel
	ChannelRemoved        Action = "channel.removed"        // detail channel
	ChannelMessage        Action = "channel.message"        // sent by the management API; detail channel, id
)
