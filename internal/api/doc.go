// Package api is the first-party JSON surface: register, login, refresh,
// logout, the account and its sessions.
//
// Every endpoint goes through those of these steps that it has, and the code shows their numbers:
// 1 method and size (the mux, web.Decode), 2 rate, 3 client (origin, CSRF, token),
// 4 request, 5 policy, 6 one state change in one transaction, 7 write.
package api
