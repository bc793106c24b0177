package account

import "errors"

// Errors of this package and of every Store.
var (
	ErrNotFound  = errors.New("no such user")
	ErrTaken     = errors.New("username is taken")
	ErrChanged   = errors.New("password was changed meanwhile")
	ErrBootstrap = errors.New("bootstrap secret is unknown, spent or expired")
	// ErrCredentials is the one answer to a wrong password and an unknown or disabled user.
	ErrCredentials = errors.New("wrong username or password")
)
