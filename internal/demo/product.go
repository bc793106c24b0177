package demo

import (
	"context"
	"errors"
)

// Product is what the shop of seed 003 sells.
type Product struct {
	ID    int64  `json:"id"`
	Name  string `json:"name"`
	Price int64  `json:"price"` // whole rupiah
}

// ErrNoProduct means that there is no product with that id.
var ErrNoProduct = errors.New("no such product")

// Store is where products are kept.
type Store interface {
	// Products lists them by id.
	Products(ctx context.Context) ([]Product, error)
	// AddProduct inserts p, whose ID is ignored, and returns it with the ID it was given.
	AddProduct(ctx context.Context, p Product) (Product, error)
	// UpdateProduct replaces name and price of p.ID; ErrNoProduct.
	UpdateProduct(ctx context.Context, p Product) error
	// DeleteProduct deletes one; ErrNoProduct.
	DeleteProduct(ctx context.Context, id int64) error
}
