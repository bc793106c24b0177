-- +goose Up
CREATE TABLE products (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    name  TEXT    NOT NULL,
    price INTEGER NOT NULL CHECK (price >= 0) -- whole rupiah
) STRICT;

INSERT INTO products (name, price) VALUES
    ('Kopi Gayo 250 g', 85000),
    ('Batik Tulis Lasem', 450000),
    ('Rujak Kit', 32000);
