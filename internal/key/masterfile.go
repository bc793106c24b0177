package key

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// LoadMaster reads the master key from a file that only its owner can read.
// A file that is missing is fs.ErrNotExist; one that must not be used, a *Refusal.
func LoadMaster(path string) (*Master, error) {
	text, err := readSecretFile(path, "master key")
	if err != nil {
		return nil, err
	}
	m, err := ParseMaster(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// CreateMaster makes a random master key in a new file, with mode 0600. A file that is there already is
// fs.ErrExist, and stays as it is.
func CreateMaster(path string) (*Master, error) {
	m := GenerateMaster()
	if err := createSecretFile(path, m.text()); err != nil {
		return nil, fmt.Errorf("create master key: %w", err)
	}
	return m, nil
}

// createSecretFile writes a new file with mode 0600, and returns only when it
// would survive a loss of power. It appears under its name complete or not at
// all, so that nobody reads half of it.
func createSecretFile(path string, content []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*") // mode 0600, O_EXCL
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil { // unlike Rename, never replaces
		return err
	}
	return syncDir(dir)
}

// syncDir makes the new name in dir durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // has no such call
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readSecretFile reads a small file and refuses one that others can read.
func readSecretFile(path, what string) (_ []byte, err error) {
	notRegular := refuse(path+": "+what+" is not a regular file", "name a file that holds the "+what)
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, notRegular // opening a device may do something
	}
	// Opening a pipe that came there since would wait for whoever writes to it.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, refuse(fmt.Sprintf("%s: %s can be read by others (mode %04o)", path, what, mode), "chmod 600 "+path)
	}
	const limit = 4096
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	if len(b) > limit {
		return nil, refuse(path+": "+what+" is larger than 4 KiB", "name the file that holds the "+what+" alone")
	}
	return b, nil
}
