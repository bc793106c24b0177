// Package client keeps a token fresh for a program that calls an API.
//
//	fetch, err := client.Login(client.LoginConfig{
//		URL:      "https://auth.example/api/auth",
//		Username: "robot",
//		Password: client.Secret(os.Getenv("ROBOT_PASSWORD")),
//	})
//	...
//	source := client.New(client.Config{Fetch: fetch})
//	defer source.Close()
//	transport, err := client.NewTransport(client.TransportConfig{
//		Source:  source,
//		Origins: []string{"https://api.example"},
//	})
//	...
//	api := &http.Client{Transport: transport}
//
// Source.Token gives the token itself, to what is not an HTTP request: the
// metadata of a gRPC call, the first message of a WebSocket.
//
// # The life of a token
//
//	none    a call fetches one, and waits; others wait for the same fetch
//	fresh   it is handed out
//	due     from 80 % of its life on, a little earlier or later in each program:
//	        it is handed out, and the next one is fetched in the background
//	failed  the next one could not be had: the old one is handed out as long as
//	        it lives, and the fetch is tried again after 1 s, 2 s, 4 s ... 1 min,
//	        after a refusal 1 min, and never sooner than the server asks
//	dead    a call waits for the next one, and gets the error if there is none
//
// A server that calls a token expired while it looks alive here, because clocks
// differ, makes a Transport fetch another and repeat the request, once.
//
// # Where tokens come from
//
// Login is for a Sandi server, or one that has Flask-JWT-Extended's routes; OAuth
// is for the token endpoint of any other (RFC 6749); a Fetch of one's own is for
// the rest. Of a refresh token that rotates, the newest is kept, and given to
// Save, if set, before its access token is used. Where its answer was lost, the
// refresh is repeated within seconds, while the server takes that for a retry.
//
// A program that has its session in cookies, as a browser does, uses a
// CookieTransport.
//
// Tokens and passwords go to configured origins alone, over https or to the
// machine itself, and never along a redirect to or from another.
package client
