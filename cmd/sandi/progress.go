package main

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// barProgress is a bar of the bytes that were read, in a terminal.
type barProgress struct {
	bar *progressbar.ProgressBar
	in  *countingReader
}

// newProgress shows the reading of in, of size bytes, -1 where that is not known.
func (a *app) newProgress(in *countingReader, size int64) progress {
	if !a.terminalErr() {
		return &lineProgress{app: a, last: a.now()}
	}
	return &barProgress{in: in, bar: progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(a.stderr), progressbar.OptionSetDescription("importing"), progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30),
	)}
}

// A bar that cannot be drawn is no reason to stop.
func (p *barProgress) at(int) { _ = p.bar.Set64(p.in.n) }
func (p *barProgress) clear() { _ = p.bar.Clear() }
func (p *barProgress) end()   { _ = p.bar.Exit(); _ = p.bar.Clear() }
