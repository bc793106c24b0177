package guard

import (
	"context"
	"net"
	"net/http"
)

// StatusAt is what a status_list says at a place; ok is false outside of it.
func StatusAt(list map[string]any, index int64) (value byte, ok bool, err error) {
	l, err := decodeStatusList(list)
	if err != nil {
		return 0, false, err
	}
	value, ok = l.at(index)
	return value, ok, nil
}

// MaxList is how large an inflated list may be, in bytes.
const MaxList = maxList

// ConnectTo dials that address, whatever the URL says.
func (s *StatusLists) ConnectTo(address string) {
	s.client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return s.dialer.DialContext(ctx, network, address)
	}
}

// Known is how many lists are kept.
func (s *StatusLists) Known() (n int) {
	s.known.Range(func(any, any) bool { n++; return true })
	return n
}
