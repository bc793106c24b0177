// Package interop exists because agreement can only be tested against others: tokens and keys are
// exchanged, both ways, with the libraries of other makers, and what those let through is measured
// and must be refused here; and a `sandi serve` is driven, unmodified, by the OAuth clients that
// people have. It holds tests alone and has its own go.mod, so that nobody who imports Sandi
// inherits the libraries.
package interop
