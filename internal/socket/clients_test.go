package socket_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// runClients is a process of clients, told by "address count bytes". It says "r" when all are connected, and "." each time that all together
// have received so many bytes more; it ends with its standard input.
func runClients(spec string) error {
	f := strings.Fields(spec)
	count, _ := strconv.Atoi(f[1])
	unit, _ := strconv.ParseInt(f[2], 10, 64)
	var total atomic.Int64
	for range count {
		conn, err := net.Dial("tcp", f[0])
		if err != nil {
			return err
		}
		defer conn.Close()
		r, _, err := shake(conn, nil)
		if err != nil {
			return err
		}
		if _, err := conn.Write(masked(0x81, []byte("hello"))); err != nil {
			return err
		}
		if unit > 0 {
			go receive(r, unit, &total)
		}
	}
	fmt.Print("r")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func receive(r io.Reader, unit int64, total *atomic.Int64) {
	buf := make([]byte, 4<<10)
	for {
		n, err := r.Read(buf)
		if err != nil {
			return
		}
		now := total.Add(int64(n))
		for range now/unit - (now-int64(n))/unit {
			fmt.Print(".")
		}
	}
}
