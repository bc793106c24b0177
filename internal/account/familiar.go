package account

import (
	"container/list"
	"slices"
	"sync"

	"github.com/sandi-auth/sandi/internal/cluster"
)

const (
	familiarUsers    = 1 << 16
	familiarNetworks = 8 // per user, so that one user with many addresses does not crowd out the others
)

// Place is the part of a client's address that a user is known by there: the network that limits count by.
func Place(address string) string { return cluster.Network(address) }

// familiar remembers from where users have logged in. It is a memory of this
// process; what it does not know, the store may.
type familiar struct {
	mu    sync.Mutex // guards both
	users map[string]*list.Element
	order list.List // of *places, the latest login in front
}

type places struct {
	subject  string
	networks []string // the latest last
}

func newFamiliar() *familiar { return &familiar{users: map[string]*list.Element{}} }

func (f *familiar) knows(subject, network string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.users[subject]
	return e != nil && slices.Contains(e.Value.(*places).networks, network)
}

// add remembers a login, and drops the user who has not logged in for longest
// where there are too many.
func (f *familiar) add(subject, network string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.users[subject]
	if e == nil {
		if len(f.users) >= familiarUsers {
			last := f.order.Back()
			delete(f.users, f.order.Remove(last).(*places).subject)
		}
		e = f.order.PushFront(&places{subject: subject})
		f.users[subject] = e
	}
	f.order.MoveToFront(e)
	p := e.Value.(*places)
	p.networks = slices.DeleteFunc(p.networks, func(n string) bool { return n == network })
	if len(p.networks) == familiarNetworks {
		p.networks = slices.Delete(p.networks, 0, 1)
	}
	p.networks = append(p.networks, network)
}

// only forgets every place but one: whoever knew the old password may have logged in from the others.
func (f *familiar) only(subject, network string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e := f.users[subject]; e != nil {
		p := e.Value.(*places)
		p.networks = slices.DeleteFunc(p.networks, func(n string) bool { return n != network })
	}
}
