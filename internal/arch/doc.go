// Package arch holds the house to its plan: which folder may import which, and
// which modules. It is a test only.
package arch
