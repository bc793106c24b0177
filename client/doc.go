// Package client keeps a token fresh for a program that calls an API.
package client
