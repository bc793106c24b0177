package server

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
)

// The sizes of the largest files that the configuration may name, in KiB.
const maxFile, maxPrivate = 1024, 64

// badFile is a file that must not be used, and what to do about it.
type badFile struct{ message, hint string }

func (e *badFile) Error() string { return e.message }

// Hint says what to do.
func (e *badFile) Hint() string { return e.hint }

// readFile reads a small regular file. A private one is refused where others can read it; holds says what is to be
// in it. secure-defaults 2.
func readFile(path, holds string, private bool) ([]byte, error) {
	notRegular := &badFile{path + " is not a regular file", "name a file of " + holds}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, notRegular // opening a device may do something
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe that came there since would wait
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular
	}
	if mode := info.Mode().Perm(); private && mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, &badFile{fmt.Sprintf("%s can be read by others (mode %04o)", path, mode), "chmod 600 " + path}
	}
	limit := maxFile
	if private {
		limit = maxPrivate
	}
	text, err := io.ReadAll(io.LimitReader(f, int64(limit)<<10+1))
	if err == nil && len(text) > limit<<10 {
		err = &badFile{fmt.Sprintf("%s is larger than %d KiB", path, limit), "name a file of " + holds + " alone"}
	}
	return text, err
}
