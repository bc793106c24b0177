package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/sandi-auth/sandi/internal/store"
)

// bar is drawn on standard error, which is a terminal; its end clears it.
func (a *app) bar(what string, total int64, options ...progressbar.Option) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total, append(options,
		progressbar.OptionSetWriter(a.stderr), progressbar.OptionSetDescription(what), progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())...)
}

// manyPages is from how many pages on (64 MiB) a copy takes long enough to be watched.
const manyPages = 16 << 10

// copyProgress shows how far a long copy is, where a person looks on; nil where none does.
func (a *app) copyProgress() store.Progress {
	if !a.terminalErr() {
		return nil
	}
	var bar *progressbar.ProgressBar
	shown := ""
	return func(what string, done, total int) {
		if total < manyPages {
			return
		}
		if what != shown {
			shown, bar = what, a.bar(what, int64(total))
		}
		bar.ChangeMax(total)
		_ = bar.Set(done) // a terminal that is gone shows nothing
	}
}

// countingReader counts what was read, for the progress.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// progress shows how far an import is: a bar in a terminal, else a line each 5 s.
type progress interface {
	at(users int)
	clear() // before something else is written
	end()
}

// importProgress shows the reading of in, of size bytes, -1 where that is not known.
func (a *app) importProgress(in *countingReader, size int64) progress {
	if !a.terminalErr() {
		return &lineProgress{app: a, last: a.now()}
	}
	return &barProgress{in: in, bar: a.bar("importing", size, progressbar.OptionShowBytes(true))}
}

// barProgress is a bar of the bytes that were read, in a terminal.
type barProgress struct {
	bar *progressbar.ProgressBar
	in  *countingReader
}

// A bar that cannot be drawn is no reason to stop.
func (p *barProgress) at(int) { _ = p.bar.Set64(p.in.n) }
func (p *barProgress) clear() { _ = p.bar.Clear() }
func (p *barProgress) end()   { _ = p.bar.Exit(); _ = p.bar.Clear() }

// lineProgress is progress for a log.
type lineProgress struct {
	*app
	last time.Time
}

func (p *lineProgress) at(users int) {
	if now := p.now(); now.Sub(p.last) >= 5*time.Second {
		p.last = now
		_, _ = fmt.Fprintf(p.stderr, "%s so far\n", plural(users, "line"))
	}
}

func (p *lineProgress) clear() {}
func (p *lineProgress) end()   {}
