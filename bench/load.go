package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// clients is how many connections load the server.
const clients = 16

// order tells the generator what to do.
type order struct {
	Address string        `json:"address"`
	Path    string        `json:"path"`
	Token   string        `json:"token"`
	For     time.Duration `json:"for"`
}

// result is what it did.
type result struct {
	Ops   int           `json:"ops"`
	Took  time.Duration `json:"took"`
	Fault string        `json:"fault,omitempty"`
}

// generate is the load generator: an order a line in, a result a line out. It writes the same bytes each time and reads
// as many as the first answer had, so that the server, and not it, is what limits the rate.
func generate(in io.Reader, out io.Writer) error {
	conns := map[string][]net.Conn{}
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var o order
		if err := decoder.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		for len(conns[o.Address]) < clients {
			c, err := net.Dial("tcp", o.Address)
			if err != nil {
				return err
			}
			conns[o.Address] = append(conns[o.Address], c)
		}
		if err := encoder.Encode(o.load(conns[o.Address])); err != nil {
			return err
		}
	}
}

// load sends requests over all connections, one at a time over each, until the time is over.
func (o order) load(conns []net.Conn) result {
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nAccept: application/json\r\n\r\n", o.Path, o.Address, o.Token)
	var total atomic.Int64
	var group errgroup.Group
	start := time.Now()
	for _, c := range conns {
		group.Go(func() error {
			ops, err := ask(c, request, start.Add(o.For))
			total.Add(int64(ops))
			return err
		})
	}
	err := group.Wait()
	r := result{Ops: int(total.Load()), Took: time.Since(start)}
	if err != nil {
		r.Fault = err.Error()
	}
	return r
}

func ask(c net.Conn, request []byte, until time.Time) (ops int, err error) {
	buf := make([]byte, 8<<10)
	size := 0
	for ; time.Now().Before(until); ops++ {
		if _, err := c.Write(request); err != nil {
			return ops, err
		}
		if size == 0 {
			size, err = readFirst(c, buf)
		} else {
			_, err = io.ReadFull(c, buf[:size])
		}
		if err != nil {
			return ops, err
		}
		if !bytes.HasPrefix(buf, []byte("HTTP/1.1 200 ")) {
			return ops, fmt.Errorf("answered %.40q", buf[:size])
		}
	}
	return ops, nil
}

// readFirst reads one answer with a Content-Length and says how long it is, headers included.
func readFirst(c net.Conn, buf []byte) (size int, err error) {
	for n := 0; n < len(buf); {
		m, err := c.Read(buf[n:])
		if err != nil {
			return 0, err
		}
		n += m
		head, _, ok := bytes.Cut(buf[:n], []byte("\r\n\r\n"))
		if !ok {
			continue
		}
		if size, err = contentLength(head); err != nil {
			return 0, err
		}
		if size += len(head) + 4; size <= n {
			return size, nil
		}
	}
	return 0, errors.New("answer is too long")
}

func contentLength(head []byte) (int, error) {
	_, rest, ok := bytes.Cut(bytes.ToLower(head), []byte("\r\ncontent-length: "))
	if !ok {
		return 0, errors.New("answer has no Content-Length")
	}
	digits, _, _ := bytes.Cut(rest, []byte("\r"))
	return strconv.Atoi(string(digits))
}
