// Package demo is the seeds' applications, written only against guard, as an outside resource server would be.
package demo
