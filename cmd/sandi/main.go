// Command sandi runs the server and the demo, and looks after users, keys,
// tokens and configuration from the command line.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends at once what the first asked to end in good order.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes.
const (
	exitOK    = 0
	exitFault = 1 // a failure, or findings
	exitUsage = 2 // the command line or the configuration is wrong
)

// run is the whole command: args are those after its name, environ is as
// os.Environ gives it. It answers with the exit code.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	a := &app{environ: environ, stdin: stdin, stdout: stdout, stderr: stderr, now: time.Now}
	defer func() {
		// A fault of ours is told in one line too; its stack would show an operator nothing to act on.
		if fault := recover(); fault != nil {
			code = a.report(&runError{fmt.Errorf("internal fault: %v", fault)})
		}
	}()
	root := a.rootCommand()
	root.SetArgs(args)
	return a.report(root.ExecuteContext(ctx))
}

// app is one run of the command.
type app struct {
	environ        []string
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time
}
