package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// clients is how many connections load the server.
const clients = 16

// guardPairs load one handler over real loopback HTTP, guarded and unguarded.
func guardPairs(string) ([]pair, func(), error) {
	key, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		return nil, nil, err
	}
	hs, err := jwt.NewKey(jwt.HS256, "k1", []byte("an HMAC key of well over 32 bytes, for measuring"))
	if err != nil {
		return nil, nil, err
	}
	var pairs []pair
	var servers []*httptest.Server
	for _, k := range []*jwt.Key{hs, key} {
		p, srv, err := guardPair(k)
		if err != nil {
			return nil, nil, err
		}
		pairs, servers = append(pairs, p), append(servers, srv)
	}
	return pairs, func() {
		for _, s := range servers {
			s.Close()
		}
	}, nil
}

func guardPair(key *jwt.Key) (pair, *httptest.Server, error) {
	set, err := jwt.NewKeySet(key)
	if err != nil {
		return pair{}, nil, err
	}
	list := guard.NewRevocationList(guard.RevocationListConfig{})
	list.Touch()
	g, err := guard.New(guard.Config{Issuer: issuer, Audience: []string{audience}, Keys: set, Revocations: list})
	if err != nil {
		return pair{}, nil, err
	}
	token, err := jwt.Sign(key, "at+jwt", claims())
	if err != nil {
		return pair{}, nil, err
	}
	protected := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"logged_in_as":"user1"}`+"\n")
	})
	mux := http.NewServeMux()
	mux.Handle("GET /guarded", g.Require()(protected))
	mux.Handle("GET /open", protected)
	srv := httptest.NewServer(mux)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	return pair{
		fmt.Sprintf("/protected %s", key.Algorithm()),
		side{"guarded", load(client, srv.URL+"/guarded", token)},
		side{"unguarded", load(client, srv.URL+"/open", token)},
	}, srv, nil
}

// load sends requests from all clients for d.
func load(client *http.Client, url, token string) func(time.Duration) (int, time.Duration) {
	return func(d time.Duration) (int, time.Duration) {
		var ops atomic.Int64
		start := time.Now()
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for time.Since(start) < d {
					get(client, url, token)
					ops.Add(1)
				}
			})
		}
		wg.Wait()
		return int(ops.Load()), time.Since(start)
	}
}

func get(client *http.Client, url, token string) {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		panic(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := client.Do(r)
	if err != nil {
		panic(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
		panic(fmt.Sprint(res.Status, err))
	}
}
