// Package store is all of it kept: one SQL implementation, on SQLite, PostgreSQL
// and MariaDB, of the store interfaces that the domains declare, and its
// migrations. Where the databases differ there is a method on the dialect.
//
// On SQLite every change goes through one writer, which groups what waits into one
// transaction (a commit costs an fsync, whether it carries one change or 256):
//
//	caller ── write ──> queue ──> BEGIN · SAVEPOINT, change, RELEASE · ... · COMMIT ──> Config.Revoked ──> answers
//
// Reads run beside it on a pool of read-only connections. Several processes
// may open the same file.
//
// On a database server, which many nodes share, each change is a transaction of its own at READ COMMITTED. What it reads
// in order to decide it locks first, in one order: the store's row, a user's, sessions' (a sign-in's before its grants').
// What loses against another is made again; what a COMMIT did whose answer was lost is not known, and not said:
//
//	caller ── write ──> BEGIN · lock, decide, change · COMMIT ──> Config.Revoked ──> answer
//	                      ^── conflict, or connection lost before COMMIT: at most four times
package store
