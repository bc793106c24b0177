// Package lint judges token lifetimes in the configuration of other people's products, and of Sandi.
//
//	path ─> Sources (files, folders, zip bundles, standard input) ─> Reader of its product ─> Policies ─> Rules ─> Findings ─> Report, Fix
//
// A Reader knows one product's format and nothing of what is good; a Rule knows what is good and nothing of formats. Between them stands
// the Policy: what one place of a configuration says of tokens, each setting with where it stands, to the byte.
package lint
