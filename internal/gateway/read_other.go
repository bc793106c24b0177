//go:build !unix

package gateway

import (
	"net"
	"syscall"
)

const rawReads = false

func newRawSource(c net.Conn, _ syscall.RawConn) source { return &bufferedSource{conn: c} }
