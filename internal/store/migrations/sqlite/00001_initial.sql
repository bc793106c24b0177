-- Instants are Unix milliseconds, 0 is none. Rows of users are never deleted:
-- a subject is never given to anybody else.

-- +goose Up
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Another epoch means that the history was replaced, and followers reload.
INSERT INTO meta (name, value) VALUES ('epoch', lower(hex(randomblob(16))));

CREATE TABLE users (
    subject             TEXT    NOT NULL PRIMARY KEY,
    username            TEXT    NOT NULL,
    password_hash       TEXT    NOT NULL,
    disabled            INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    credential_version  INTEGER NOT NULL,
    created_at          INTEGER NOT NULL,
    password_changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE user_roles (
    subject TEXT NOT NULL REFERENCES users (subject),
    role    TEXT NOT NULL,
    PRIMARY KEY (subject, role)
) STRICT, WITHOUT ROWID;

CREATE INDEX user_roles_role ON user_roles (role);

-- The one secret that may create the first administrator.
CREATE TABLE bootstrap (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    hash       BLOB    NOT NULL CHECK (length(hash) = 32),
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    id                 BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    parent_id          BLOB    CHECK (length(parent_id) = 16),
    subject            TEXT    NOT NULL REFERENCES users (subject),
    client_id          TEXT    NOT NULL,
    jkt                TEXT    NOT NULL,
    generation         INTEGER NOT NULL CHECK (generation BETWEEN 0 AND 4294967295),
    secret_hash        BLOB    NOT NULL CHECK (length(secret_hash) = 32),
    credential_version INTEGER NOT NULL,
    transport          TEXT    NOT NULL,
    scope              TEXT    NOT NULL,
    auth_time          INTEGER NOT NULL,
    amr                TEXT    NOT NULL,
    acr                TEXT    NOT NULL,
    user_agent         TEXT    NOT NULL,
    address            TEXT    NOT NULL,
    created_at         INTEGER NOT NULL,
    rotated_at         INTEGER NOT NULL,
    last_used_at       INTEGER NOT NULL,
    idle_expires_at    INTEGER NOT NULL CHECK (idle_expires_at <= expires_at),
    expires_at         INTEGER NOT NULL,
    ended_at           INTEGER NOT NULL,
    end_reason         TEXT    NOT NULL
) STRICT;

CREATE INDEX sessions_alive ON sessions (subject, created_at) WHERE ended_at = 0;
CREATE INDEX sessions_parent ON sessions (parent_id) WHERE parent_id IS NOT NULL;
-- An ended session's idle limit is its end, so that this finds all that may be purged.
CREATE INDEX sessions_idle ON sessions (idle_expires_at);

CREATE TABLE revocations (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT    NOT NULL,
    handle     TEXT    NOT NULL,
    not_before INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX revocations_expiry ON revocations (expires_at);

CREATE TABLE keys (
    kid         TEXT    NOT NULL PRIMARY KEY,
    algorithm   TEXT    NOT NULL,
    sealed      BLOB    NOT NULL,
    created_at  INTEGER NOT NULL,
    activate_at INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    action     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    session    TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    user_agent TEXT    NOT NULL,
    request_id TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    detail     TEXT    NOT NULL
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit is append-only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit is append-only');
END;
-- +goose StatementEnd
