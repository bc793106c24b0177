// Package cluster is state that nodes share: counters and limits. Memory keeps
// it for a single node.
package cluster
