package socketio_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

const clientsEnv = "SOCKETIO_TEST_CLIENTS"

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
		fmt.Fprintf(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer %s\r\n\r\n\x81\x82\x00\x00\x00\x0040", f[0], strings.Repeat("x", 600))
		r := bufio.NewReaderSize(conn, 512)
		for answer := ""; !strings.Contains(answer, `40{"sid"`); { // in the answer's last line, for which there is no end of line
			b, err := r.ReadByte()
			if err != nil {
				return err
			}
			answer += string(b)
		}
		if _, err := r.Discard(len(`:"0123456789012345678901"}`)); err != nil {
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
