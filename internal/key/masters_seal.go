package key

import (
	"errors"
	"time"

	"github.com/sandi-auth/sandi/internal/problem"
)

// Seal is Master.Seal by the store's master key, and that key's fingerprint, which whoever keeps the result compares
// with the store's: else a change of the master key might miss it. While the key is not known here the error is problem.Unavailable.
func (m *Masters) Seal(plaintext []byte, place string) (sealed []byte, master string, err error) {
	i := m.Current()
	if i < 0 {
		return nil, "", &problem.Error{
			Kind: problem.Unavailable, Code: "temporarily_unavailable", RetryAfter: time.Second,
			Cause: errors.New("the master key of the store is not known here"),
		}
	}
	return m.all[i].Seal(plaintext, place), m.all[i].Fingerprint(), nil
}

// Open is Master.Open by the key that sealed it.
func (m *Masters) Open(sealed []byte, place string) ([]byte, error) {
	for _, k := range m.all {
		if plaintext, err := k.Open(sealed, place); !errors.Is(err, ErrOtherMaster) {
			return plaintext, err
		}
	}
	return nil, ErrOtherMaster
}

// resealTo is the Reseal of a change to a key.
func (m *Masters) resealTo(to *Master) Reseal {
	return func(sealed []byte, place string) ([]byte, error) {
		plaintext, err := m.Open(sealed, place)
		if _, same := to.Open(sealed, place); err != nil || same == nil {
			return sealed, err
		}
		return to.Seal(plaintext, place), nil
	}
}
