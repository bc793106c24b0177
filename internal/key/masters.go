package key

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"

	"github.com/sandi-auth/sandi/internal/audit"
)

// Masters are the master keys of a node: one, and several while the master key
// is being changed. What any of them sealed or authenticated counts; the store
// says which one seals and signs. Methods may be called from many goroutines.
type Masters struct {
	all     []*Master
	current atomic.Int32 // set by the Ring
}

// NewMasters are those keys, each once. Until a Ring has read the store the first counts as its master key.
func NewMasters(first *Master, others ...*Master) *Masters {
	m := &Masters{all: []*Master{first}}
	for _, o := range others {
		if m.find(o.Fingerprint()) < 0 { // one file under two names is no fault
			m.all = append(m.all, o)
		}
	}
	return m
}

// LoadMasters reads the files key.master_file and key.other_master_files. One that is missing or must not be used is a *Refusal.
func LoadMasters(file string, others []string) (*Masters, error) {
	first, err := LoadMaster(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse("the master key is missing: no such file: "+file,
			"restore it from the backup or copy it from another node, or name where it is by key.master_file")
	}
	if err != nil {
		return nil, err
	}
	return withOthers(first, others)
}

func withOthers(first *Master, files []string) (*Masters, error) {
	others := make([]*Master, len(files))
	for i, file := range files {
		var err error
		others[i], err = LoadMaster(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, refuse("a master key of key.other_master_files is missing: no such file: "+file, "put it there, or take it out of the list")
		}
		if err != nil {
			return nil, err
		}
	}
	return NewMasters(first, others...), nil
}

// OpenMasters is LoadMasters for a server. With generate, for a store of one node which knows no master key
// yet, a missing file is made, with mode 0600; two processes that start at once end up with the same
// key. Any other missing file is a *Refusal: another key would open nothing of what the store
// holds, and of a store that nodes share each would make its own.
func OpenMasters(ctx context.Context, file string, others []string, generate bool, s Store) (*Masters, error) {
	first, err := LoadMaster(file)
	if errors.Is(err, fs.ErrNotExist) {
		first, err = firstMaster(ctx, file, generate, s)
	}
	if err != nil {
		return nil, err
	}
	return withOthers(first, others)
}

// firstMaster makes the master key of a new store.
func firstMaster(ctx context.Context, file string, generate bool, s Store) (*Master, error) {
	known, err := s.MasterFingerprint(ctx, "")
	switch {
	case err != nil:
		return nil, fmt.Errorf("open master key: %w", err)
	case known == "" && generate:
		return makeMaster(file)
	case known == "":
		return nil, refuse("the master key is missing at "+file+", and a node makes none for a store that nodes share",
			"make it once with 'sandi key master new --out "+file+"', and copy that file to every node")
	}
	m, err := LoadMaster(file) // another process may have made both since
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse("the master key of this store is missing at "+file,
			"restore it from the backup or copy it from another node, or name where it is by key.master_file; without it, start with an empty store and 'sandi key master new'")
	}
	return m, err
}

// makeMaster makes the file, or reads the one of whoever was faster.
func makeMaster(file string) (*Master, error) {
	m, err := CreateMaster(file)
	if errors.Is(err, fs.ErrExist) {
		return LoadMaster(file)
	}
	return m, err
}

// All are the keys, that of key.master_file first.
func (m *Masters) All() []*Master { return slices.Clone(m.all) }

// Current is the place in All of the key that authenticates what this node hands out, and
// negative while the store's master key is none of them: then nothing can be handed out that counts elsewhere.
func (m *Masters) Current() int { return int(m.current.Load()) }

// find is the place of a key, -1 where there is none.
func (m *Masters) find(fingerprint string) int {
	return slices.IndexFunc(m.all, func(k *Master) bool { return k.Fingerprint() == fingerprint })
}

// known is the store's master key, a *Refusal where it is none of these.
func (m *Masters) known(fingerprint string) (*Master, error) {
	if i := m.find(fingerprint); i >= 0 {
		return m.all[i], nil
	}
	if fingerprint == "" {
		return nil, refuse("the store has no master key yet", "start 'sandi serve' once: the store takes that of key.master_file")
	}
	return nil, refuse("the store is sealed under another master key, of fingerprint "+fingerprint,
		"name the file of that key by key.master_file or key.other_master_files; 'sandi key master status' compares them")
}

// Change seals every signing key, and with them all that Seal sealed, anew, under the key of key.master_file, which is the store's master key from
// then on. It says how many keys it sealed. Nodes that have both keys follow within 10 s without refusing a
// token. A *Refusal where the store has that key already, or is sealed under none of m.
func (m *Masters) Change(ctx context.Context, s Store, from audit.From) (int, error) {
	to := m.all[0]
	for range 5 {
		stored, err := s.SigningKeys(ctx)
		if err != nil {
			return 0, fmt.Errorf("change master key: %w", err)
		}
		if stored.Master == to.Fingerprint() {
			return 0, refuse("the store has the master key of key.master_file already", "to change it, name the new file there and the present one in key.other_master_files")
		}
		if _, err := m.known(stored.Master); err != nil {
			return 0, err
		}
		if err := m.reseal(stored.Keys, to); err != nil {
			return 0, err
		}
		done, err := s.ChangeMaster(ctx, stored.Master, to.Fingerprint(), stored.Keys, m.resealTo(to), audit.Event{
			Action: audit.MasterChanged, From: from, Detail: map[string]string{"from": stored.Master, "to": to.Fingerprint()},
		})
		if err != nil || done {
			return len(stored.Keys), err
		}
	}
	return 0, refuse("the signing keys changed meanwhile, again and again", "try again")
}

// reseal replaces the seals.
func (m *Masters) reseal(records []Record, to *Master) error {
	for i, rec := range records {
		jwk, err := m.Open(rec.Sealed, place(rec.KID))
		if err != nil {
			return fmt.Errorf("open key %s: %w", rec.KID, err)
		}
		records[i].Sealed = to.Seal(jwk, place(rec.KID))
	}
	return nil
}
