-- +goose Up
CREATE TABLE products (
    id    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name  TEXT   NOT NULL,
    price BIGINT NOT NULL CHECK (price >= 0) -- whole rupiah
);

INSERT INTO products (name, price) VALUES
    ('Kopi Gayo 250 g', 85000),
    ('Batik Tulis Lasem', 450000),
    ('Rujak Kit', 32000);
