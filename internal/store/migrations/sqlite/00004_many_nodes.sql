-- +goose Up
-- What one process at a time does for all, and until when it has the right to.
CREATE TABLE leases (
    name       TEXT    NOT NULL PRIMARY KEY,
    holder     TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the index of the other databases is by: there a refresh changes no index.
ALTER TABLE sessions ADD COLUMN idle_day INTEGER NOT NULL GENERATED ALWAYS AS (idle_expires_at / 86400000) VIRTUAL;

-- Nodes that share a database compare it with what they remember.
ALTER TABLE sessions ADD COLUMN user_version INTEGER NOT NULL DEFAULT 0;

-- One-time values that were used: the hash of each, which is unique.
CREATE TABLE spent (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX spent_expiry ON spent (expires_at);
