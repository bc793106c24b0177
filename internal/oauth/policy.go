package oauth

import "time"

// Policy is what may be asked for at all, and for how long: all lifetimes stand here.
type Policy struct {
	// Access, Idle and Absolute are the server's own, for a client that has none.
	Access, Idle, Absolute time.Duration
	// Ceilings that no client and no resource exceeds.
	MaxAccess, MaxIdle, MaxAbsolute time.Duration
	// Rotate is the server's own; false by a profile alone.
	Rotate    bool
	Resources []Resource
	Scopes    []Scope
}

// Resource is an API that tokens are for (RFC 8707): its identifier is their aud.
type Resource struct {
	ID     string
	Name   string   // shown on the consent page
	Scopes []string // that mean something there; empty: all
	// Access bounds the life of tokens for it; 0: no bound of its own.
	Access time.Duration
}

// Scope is one value of scope, as the consent page explains it.
type Scope struct {
	Name        string
	Description string // English; shown where a language has none of its own
	// Descriptions by language: "id", "zh-Hant".
	Descriptions map[string]string
}

// Clients are those of the configuration and of the store, the latter remembered for a second.
type Clients struct{}
