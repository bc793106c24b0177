package main

import (
	"testing"

	"github.com/sandi-auth/sandi/examples/internal/proof"
)

func TestRoutes(t *testing.T) { proof.Routes(t, routes) }
