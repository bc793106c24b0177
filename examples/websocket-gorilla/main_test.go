package main

import (
	"testing"

	"github.com/sandi-auth/sandi/examples/internal/proof"
)

func TestSocket(t *testing.T) { proof.Socket(t, routes) }
