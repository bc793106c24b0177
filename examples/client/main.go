// Command client calls a guarded API for as long as its session lives, over restarts: it signs in with
// SANDI_USERNAME and SANDI_PASSWORD once, and from then on with the refresh token that it keeps in a file.
//
//	go run ./client -auth http://127.0.0.1:5000/api/auth http://127.0.0.1:5000/protected
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/client"
)

type config struct {
	auth               string // where login and refresh stand
	target             string // what is called
	file               string // which keeps the refresh token
	username, password string
	every              time.Duration // 0: call once
}

func main() {
	log.SetFlags(0)
	c := config{username: os.Getenv("SANDI_USERNAME"), password: os.Getenv("SANDI_PASSWORD")}
	flag.StringVar(&c.auth, "auth", "http://127.0.0.1:5000/api/auth", "URL of the login API")
	flag.StringVar(&c.file, "file", "refresh-token", "file that keeps the refresh token")
	flag.DurationVar(&c.every, "every", 0, "call again after this time; 0 calls once")
	flag.Parse()
	if c.target = flag.Arg(0); flag.NArg() != 1 {
		log.Fatal("usage: client [flags] URL")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, c, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, c config, out io.Writer) error {
	kept, err := os.ReadFile(c.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fetch, err := client.Login(client.LoginConfig{
		URL: c.auth, Username: c.username, Password: client.Secret(c.password), RefreshToken: client.Secret(strings.TrimSpace(string(kept))),
		Save: func(_ context.Context, refresh client.Secret) error { return write(c.file, refresh.Reveal()) },
	})
	if err != nil {
		return err
	}
	source := client.New(client.Config{Fetch: fetch, OnError: func(err error) { log.Print(err) }})
	defer source.Close()
	target, err := url.Parse(c.target)
	if err != nil {
		return err
	}
	transport, err := client.NewTransport(client.TransportConfig{
		Source: source, Origins: []string{target.Scheme + "://" + target.Host},
	})
	if err != nil {
		return err
	}
	api := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	for {
		if err := call(ctx, api, c.target, out); err != nil || c.every == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(c.every):
		}
	}
}

func call(ctx context.Context, api *http.Client, target string, out io.Writer) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	res, err := api.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	fmt.Fprintln(out, res.StatusCode, strings.TrimSpace(string(body)))
	return err
}

// write replaces the file as a whole: half a refresh token would be none.
func write(file, content string) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".refresh-token-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), file)
}
