-- +goose Up

-- What a grant to a client has besides: for whom its tokens are, what a refresh needs again, its place in a status
-- list, and whether the client is told when the sign-in ends.
ALTER TABLE sessions ADD COLUMN audience TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN details TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN status_list INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN status_bit INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN notify INTEGER NOT NULL DEFAULT 0;

-- A sign-in may have had many grants that have ended, and each new one looks for the client's oldest.
DROP INDEX sessions_parent;
CREATE INDEX sessions_parent ON sessions (parent_id, client_id, created_at, id) WHERE parent_id IS NOT NULL AND ended_at = 0;

CREATE INDEX sessions_status ON sessions (status_list) WHERE ended_at > 0 AND status_list > 0;

-- Clients that are not in the configuration.
CREATE TABLE clients (
    id TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Authorization requests that wait for their user or were pushed, by the hash of their name.
CREATE TABLE requests (
    kind TEXT NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 32),
    document TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX requests_expiry ON requests (expires_at);

-- Authorization codes, and which session one was redeemed for.
CREATE TABLE codes (
    hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    client_id TEXT NOT NULL,
    document TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    session_id BLOB CHECK (length(session_id) = 16),
    used_at INTEGER NOT NULL,
    keep_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX codes_expiry ON codes (keep_until);

CREATE TABLE devices (
    hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    user_code BLOB NOT NULL CHECK (length(user_code) = 32) UNIQUE,
    client_id TEXT NOT NULL,
    document TEXT NOT NULL,
    state TEXT NOT NULL,
    poll_interval INTEGER NOT NULL,
    polled_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX devices_expiry ON devices (expires_at);

CREATE TABLE consents (
    subject TEXT NOT NULL REFERENCES users (subject),
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    resources TEXT NOT NULL,
    granted_at INTEGER NOT NULL,
    PRIMARY KEY (subject, client_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX consents_client ON consents (client_id);

-- Logout tokens that are to be delivered.
CREATE TABLE logouts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    sign_in BLOB CHECK (length(sign_in) = 16),
    tries INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL
) STRICT;

CREATE INDEX logouts_due ON logouts (due_at);

-- Status lists: each holds what expires until one instant, and nodes take places from it in blocks.
CREATE TABLE status_lists (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    expires_at INTEGER NOT NULL,
    taken INTEGER NOT NULL
) STRICT;

CREATE INDEX status_lists_expiry ON status_lists (expires_at);

-- The places of tokens without a session that were revoked; those of sessions stand in sessions.
CREATE TABLE status_bits (
    list INTEGER NOT NULL,
    bit INTEGER NOT NULL,
    PRIMARY KEY (list, bit)
) STRICT, WITHOUT ROWID;

-- Second factors: the secret sealed under the master key, and the last time step that was used (RFC 6238 section 5.2).
CREATE TABLE factors (
    subject TEXT NOT NULL PRIMARY KEY REFERENCES users (subject),
    sealed BLOB NOT NULL,
    confirmed_at INTEGER NOT NULL,
    last_step INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery_codes (
    subject TEXT NOT NULL REFERENCES users (subject),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    used_at INTEGER NOT NULL,
    PRIMARY KEY (subject, hash)
) STRICT, WITHOUT ROWID;
