// Command missions is a field agent: it signs in with SANDI_USERNAME and SANDI_PASSWORD, joins a channel of a Sandi server, prints what is said
// there, sends the lines that it reads, and stays as long as its session lives: over lost connections, and over tokens that expire.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/sandi-auth/sandi/client"
)

type agent struct {
	url, channel, cursor string       // cursor is that of the last message seen
	fetch                client.Fetch // gets the next token
	token                client.Token
	typed                chan string
	out                  io.Writer
}

// message is what the server sends; see docs/guides/sockets.md.
type message struct {
	Type, Channel, From, Cursor, Msg string
	Data                             json.RawMessage
	Complete                         bool
}

// run connects again and again, until the server will not have us.
func (a *agent) run(ctx context.Context) error {
	for {
		err := a.connect(ctx)
		if code := websocket.CloseStatus(err); code == 4001 || code == 4003 || code == 4004 {
			return err // the token is no good, and not for its age
		}
		log.Print(err)
		time.Sleep(time.Second)
	}
}

func (a *agent) connect(ctx context.Context) (err error) {
	if time.Until(a.token.ExpiresAt) < time.Minute {
		if a.token, err = a.fetch(ctx); err != nil {
			return err
		}
	}
	header := http.Header{"Authorization": {"Bearer " + a.token.Access.Reveal()}} // a page cannot send this: it gets a ticket
	c, _, err := websocket.Dial(ctx, a.url, &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		return err
	}
	defer c.CloseNow()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err = wsjson.Write(ctx, c, map[string]string{"type": "subscribe", "channel": a.channel, "cursor": a.cursor})
	go a.say(ctx, c)
	for joined := false; err == nil; {
		var m message
		err = wsjson.Read(ctx, c, &m)
		switch m.Type {
		case "message":
			if joined && m.Channel == a.channel { // before, what was missed may be still to come
				a.cursor = m.Cursor
			}
			fmt.Fprintf(a.out, "%q: %s\n", m.From, m.Data)
		case "subscribed":
			joined = true
			fmt.Fprintln(a.out, "joined, nothing missed:", a.cursor == "" || m.Complete)
			a.cursor = m.Cursor
		case "error":
			log.Printf("refused: %q", m.Msg)
		case "auth_expiring": // the next token keeps this connection
			if a.token, err = a.fetch(ctx); err == nil {
				err = wsjson.Write(ctx, c, map[string]string{"type": "auth", "token": a.token.Access.Reveal()})
			}
		}
	}
	return err
}

func (a *agent) say(ctx context.Context, c *websocket.Conn) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case line := <-a.typed:
			_ = wsjson.Write(ctx, c, map[string]string{"type": "publish", "channel": a.channel, "data": line}) // or else the reader fails too
		}
	}
}

func main() {
	channel := flag.String("channel", "hq", "channel to join")
	flag.Parse()
	auth := strings.Replace(strings.TrimSuffix(flag.Arg(0), "/missions"), "ws", "http", 1) + "/api/auth"
	fetch, err := client.Login(client.LoginConfig{URL: auth, Username: os.Getenv("SANDI_USERNAME"), Password: client.Secret(os.Getenv("SANDI_PASSWORD"))})
	check(err)
	a := agent{url: flag.Arg(0), channel: *channel, fetch: fetch, typed: make(chan string), out: os.Stdout}
	go func() {
		for s := bufio.NewScanner(os.Stdin); s.Scan(); {
			a.typed <- s.Text()
		}
	}()
	check(a.run(context.Background()))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
