-- +goose Up

-- What a grant to a client has besides: for whom its tokens are, what a refresh needs again, its place in a status
-- list, and whether the client is told when the sign-in ends.
ALTER TABLE sessions ADD COLUMN audience TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN details TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN status_list BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN status_bit BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN notify BOOLEAN NOT NULL DEFAULT false;

-- A sign-in may have had many grants that have ended, and each new one looks for the client's oldest.
DROP INDEX sessions_parent;
CREATE INDEX sessions_parent ON sessions (parent_id, client_id, created_at, id) WHERE parent_id IS NOT NULL AND ended_at = 0;

CREATE INDEX sessions_status ON sessions (status_list) WHERE ended_at > 0 AND status_list > 0;

-- Clients that are not in the configuration.
CREATE TABLE clients (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    version BIGINT NOT NULL
);

-- Authorization requests that wait for their user or were pushed, by the hash of their name.
CREATE TABLE requests (
    kind TEXT NOT NULL,
    id BYTEA NOT NULL CHECK (length(id) = 32),
    document TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE INDEX requests_expiry ON requests (expires_at);

-- Authorization codes, and which session one was redeemed for.
CREATE TABLE codes (
    hash BYTEA NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    client_id TEXT COLLATE "C" NOT NULL,
    document TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    session_id BYTEA CHECK (length(session_id) = 16),
    used_at BIGINT NOT NULL,
    keep_until BIGINT NOT NULL
);

CREATE INDEX codes_expiry ON codes (keep_until);

CREATE TABLE devices (
    hash BYTEA NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    user_code BYTEA NOT NULL CHECK (length(user_code) = 32) UNIQUE,
    client_id TEXT COLLATE "C" NOT NULL,
    document TEXT NOT NULL,
    state TEXT NOT NULL,
    poll_interval BIGINT NOT NULL,
    polled_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX devices_expiry ON devices (expires_at);

CREATE TABLE consents (
    subject TEXT COLLATE "C" NOT NULL REFERENCES users (subject),
    client_id TEXT COLLATE "C" NOT NULL,
    scope TEXT NOT NULL,
    resources TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (subject, client_id)
);

CREATE INDEX consents_client ON consents (client_id);

-- Logout tokens that are to be delivered.
CREATE TABLE logouts (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    sign_in BYTEA CHECK (length(sign_in) = 16),
    tries BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL
);

CREATE INDEX logouts_due ON logouts (due_at);

-- Status lists: each holds what expires until one instant, and nodes take places from it in blocks.
CREATE TABLE status_lists (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    expires_at BIGINT NOT NULL,
    taken BIGINT NOT NULL
);

CREATE INDEX status_lists_expiry ON status_lists (expires_at);

-- The places of tokens without a session that were revoked; those of sessions stand in sessions.
CREATE TABLE status_bits (
    list BIGINT NOT NULL,
    bit BIGINT NOT NULL,
    PRIMARY KEY (list, bit)
);

-- Second factors: the secret sealed under the master key, and the last time step that was used (RFC 6238 section 5.2).
CREATE TABLE factors (
    subject TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES users (subject),
    sealed BYTEA NOT NULL,
    confirmed_at BIGINT NOT NULL,
    last_step BIGINT NOT NULL
);

CREATE TABLE recovery_codes (
    subject TEXT COLLATE "C" NOT NULL REFERENCES users (subject),
    hash BYTEA NOT NULL CHECK (length(hash) = 32),
    used_at BIGINT NOT NULL,
    PRIMARY KEY (subject, hash)
);
