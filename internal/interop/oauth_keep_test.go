package interop_test

import (
	"io"
	"os/exec"
	"sync"
	"testing"
)

// keeper runs a program until its own input ends, which happens with the test, however that ends.
const keeper = `
exec 3<&0
"$@" </dev/null 3<&- & pid=$!
{ read -r end; kill -TERM "$pid"; } <&3 & watcher=$!
wait "$pid"; status=$?
kill "$watcher" 2>/dev/null
exit "$status"
`

// kept is a program under a keeper.
type kept struct {
	stop  func() error // ends it, and says how it went
	ended chan struct{}
}

// keep starts a program that is stopped with the test at the latest; errs gets its standard error.
func keep(t *testing.T, env []string, errs io.Writer, name string, args ...string) kept {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", keeper, "keeper", name}, args...)...)
	cmd.Env, cmd.Stderr = env, errs
	in := must(cmd.StdinPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	k := kept{ended: make(chan struct{})}
	var failed error
	go func() {
		failed = cmd.Wait()
		close(k.ended)
	}()
	k.stop = sync.OnceValue(func() error {
		_ = in.Close()
		<-k.ended
		return failed
	})
	t.Cleanup(func() { _ = k.stop() })
	return k
}

// gone says that it ended by itself.
func (k kept) gone() bool {
	select {
	case <-k.ended:
		return true
	default:
		return false
	}
}
