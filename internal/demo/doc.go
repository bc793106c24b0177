// Package demo is the seeds' applications: products, orders and greetings behind tokens that it knows by guard alone.
package demo
