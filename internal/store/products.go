package store

import (
	"context"
	"database/sql"

	"github.com/sandi-auth/sandi/internal/demo"
)

var _ demo.Store = (*DB)(nil)

// Products lists the demo's products by id. MigrateDemo makes them.
func (db *DB) Products(ctx context.Context) ([]demo.Product, error) {
	var products []demo.Product
	err := each(ctx, db.readers, func(r *sql.Rows) error {
		var p demo.Product
		err := r.Scan(&p.ID, &p.Name, &p.Price)
		products = append(products, p)
		return err
	}, `SELECT id, name, price FROM products ORDER BY id`)
	return products, db.dialect.fault("list products", err)
}

// AddProduct inserts p and returns it with the id it was given.
func (db *DB) AddProduct(ctx context.Context, p demo.Product) (demo.Product, error) {
	err := db.write(ctx, "add product", func(t *tx) (err error) {
		p.ID, err = t.insert("id", `INSERT INTO products (name, price) VALUES (?, ?)`, p.Name, p.Price)
		return err
	})
	return p, err
}

// UpdateProduct replaces the name and price of p.ID; demo.ErrNoProduct.
func (db *DB) UpdateProduct(ctx context.Context, p demo.Product) error {
	return db.write(ctx, "update product", func(t *tx) error {
		return oneProduct(t.exec(`UPDATE products SET name = ?, price = ? WHERE id = ?`, p.Name, p.Price, p.ID))
	})
}

// DeleteProduct deletes a product; demo.ErrNoProduct.
func (db *DB) DeleteProduct(ctx context.Context, id int64) error {
	return db.write(ctx, "delete product", func(t *tx) error {
		return oneProduct(t.exec(`DELETE FROM products WHERE id = ?`, id))
	})
}

func oneProduct(affected int64, err error) error {
	if err == nil && affected == 0 {
		return demo.ErrNoProduct
	}
	return err
}
