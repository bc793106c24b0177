package cluster_test

import (
	"testing"

	"github.com/sandi-auth/sandi/internal/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }
