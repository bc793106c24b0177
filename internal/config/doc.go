// Package config is everything that can be set, in one plain struct: defaults,
// then the file, then the environment, then flags, and all faults reported at
// once.
//
//	Default ──> file (YAML) ──> SANDI_... ──> flags ──> Resolved ──> Validate
//
// A field is a setting, a section of them, or a list of sections (oauth.clients), which only the file can hold. What another
// package knows of the right values it says as a Judge, so that its faults are told with the rest, each with its place.
//
// Each field's tags say all there is to know about it, so that reading,
// checking, printing and documenting it need no second list:
//
//	yaml    its key
//	doc     what it is, its unit, and when to change it
//	range   the least and greatest number or duration, "1s..5m"
//	oneof   the only words it may hold
//	unset   what its zero value stands for; Print leaves such a value out
//	secret  "url": a password in it is never printed
package config
