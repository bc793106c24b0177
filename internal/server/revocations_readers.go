package server

import (
	"log/slog"
	"os"
	"sync"
	"time"
)

// readersFile is who may read the revocation feed, as the file says now: it is looked at when somebody asks, at most once a
// second, so that a reader can be added, or its secret replaced, without a restart.
type readersFile struct {
	path string
	now  func() time.Time
	log  *slog.Logger

	mu      sync.Mutex // guards what follows
	readers readers
	read    fileState
	looked  time.Time
}

// fileState tells one content of a file from another. The zero state is of a file that is not there.
type fileState struct {
	modified int64 // Unix nanoseconds
	size     int64
}

// openReaders reads the file that the configuration names; nil where it names none.
func openReaders(path string, now func() time.Time, log *slog.Logger) (*readersFile, error) {
	if path == "" {
		return nil, nil
	}
	f := &readersFile{path: path, now: now, log: log, looked: now(), read: stateOf(path)}
	var err error
	f.readers, err = loadReaders(path)
	return f, err
}

// find is who has the secret.
func (f *readersFile) find(secret string) (name string, ok bool) {
	f.mu.Lock()
	if now := f.now(); f.path != "" && now.Sub(f.looked).Abs() >= time.Second {
		f.looked = now
		f.reload()
	}
	rs := f.readers
	f.mu.Unlock()
	return rs.find(secret)
}

// reload takes a changed file. A broken one is said once, and who could read goes on: otherwise a slip of an editor
// would cut off every resource server.
func (f *readersFile) reload() {
	state := stateOf(f.path)
	if state == f.read {
		return
	}
	f.read = state // before it is read: what is written meanwhile is read the next time
	rs, err := loadReaders(f.path)
	if err != nil {
		f.log.Error("changed readers file cannot be used; who could read before still can", "error", err)
		return
	}
	f.readers = rs
	f.log.Info("readers file was read again", "readers", len(rs))
}

func stateOf(path string) fileState {
	info, err := os.Stat(path)
	if err != nil {
		return fileState{} // whoever reads it says why
	}
	return fileState{info.ModTime().UnixNano(), info.Size()}
}
