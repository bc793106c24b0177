// Package server is a Config, wired: New builds every part, Run serves until
// its context ends, and routes.go holds the one list of what is mounted.
//
//	config ─> store ─> keys ─> revocations ─> accounts, sessions, minter ─> guard ─> surfaces
package server
