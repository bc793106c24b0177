// Package testdb gives tests PostgreSQL, MariaDB and Redis servers of their own,
// on loopback, with random passwords, and proxies that break the way to them.
// Only tests and measurements import it.
//
//	StartPostgres            Stop                 Close, end of the test
//	StartMariaDB  -> runs <--------> stopped    ------------------------> gone
//	Redis           |    Start                    also by the death of the
//	         Freeze | Thaw                        test process, by any signal
//	              frozen
//
// A server is the child of a small shell that reads orders from the test
// process. The end of that pipe is the last order: it kills the server and
// removes its folder, so that not even a killed test leaves anything behind.
package testdb
