-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS products (
    id    BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name  VARCHAR(255) NOT NULL,
    price BIGINT       NOT NULL CHECK (price >= 0) -- whole rupiah
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT IGNORE INTO products (id, name, price) VALUES
    (1, 'Kopi Gayo 250 g', 85000),
    (2, 'Batik Tulis Lasem', 450000),
    (3, 'Rujak Kit', 32000);
