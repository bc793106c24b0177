// Package store is all of it kept: one SQL implementation, today on SQLite, of
// the store interfaces that the domains declare, and its migrations.
//
// Every change goes through one writer, which groups what waits into one
// transaction (a commit costs an fsync, whether it carries one change or 256):
//
//	caller ── write ──> queue ──> BEGIN · SAVEPOINT, change, RELEASE · ... · COMMIT ──> Config.Revoked ──> answers
//
// Reads run beside it on a pool of read-only connections. Several processes
// may open the same file.
package store
