// Package drill is tests only: whole nodes in processes of their own, which are killed, frozen and cut off while clients
// use them. The short form of each drill runs with every other test; `make drill` runs them at length (build tag drill).
package drill
