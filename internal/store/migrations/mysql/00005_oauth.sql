-- Each statement is a transaction of its own, and does no harm where it was done before. MySQL has no way to say so of a column: what adds
-- columns comes last.

-- +goose NO TRANSACTION

-- +goose Up
-- Clients that are not in the configuration.
CREATE TABLE IF NOT EXISTS clients (
    id VARBINARY(512) NOT NULL PRIMARY KEY,
    document MEDIUMTEXT NOT NULL,
    version BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Authorization requests that wait for their user or were pushed, by the hash of their name.
CREATE TABLE IF NOT EXISTS requests (
    kind VARBINARY(64) NOT NULL,
    id BINARY(32) NOT NULL,
    document MEDIUMTEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (kind, id),
    KEY requests_expiry (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Authorization codes, and which session one was redeemed for.
CREATE TABLE IF NOT EXISTS codes (
    hash BINARY(32) NOT NULL PRIMARY KEY,
    client_id VARBINARY(512) NOT NULL,
    document MEDIUMTEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    session_id BINARY(16),
    used_at BIGINT NOT NULL,
    keep_until BIGINT NOT NULL,
    KEY codes_expiry (keep_until)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS devices (
    hash BINARY(32) NOT NULL PRIMARY KEY,
    user_code BINARY(32) NOT NULL,
    client_id VARBINARY(512) NOT NULL,
    document MEDIUMTEXT NOT NULL,
    state VARBINARY(64) NOT NULL,
    poll_interval BIGINT NOT NULL,
    polled_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    UNIQUE KEY devices_user_code (user_code),
    KEY devices_expiry (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS consents (
    subject VARBINARY(256) NOT NULL,
    client_id VARBINARY(512) NOT NULL,
    scope MEDIUMTEXT NOT NULL,
    resources MEDIUMTEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (subject, client_id),
    FOREIGN KEY (subject) REFERENCES users (subject),
    KEY consents_client (client_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Logout tokens that are to be delivered.
CREATE TABLE IF NOT EXISTS logouts (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    client_id VARBINARY(512) NOT NULL,
    subject VARBINARY(256) NOT NULL,
    sign_in BINARY(16),
    tries BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    KEY logouts_due (due_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Status lists: each holds what expires until one instant, and nodes take places from it in blocks.
CREATE TABLE IF NOT EXISTS status_lists (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    expires_at BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    KEY status_lists_expiry (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The places of tokens without a session that were revoked; those of sessions stand in sessions.
CREATE TABLE IF NOT EXISTS status_bits (
    list BIGINT NOT NULL,
    bit BIGINT NOT NULL,
    PRIMARY KEY (list, bit)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Second factors: the secret sealed under the master key, and the last time step that was used (RFC 6238 section 5.2).
CREATE TABLE IF NOT EXISTS factors (
    subject VARBINARY(256) NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL,
    confirmed_at BIGINT NOT NULL,
    last_step BIGINT NOT NULL,
    FOREIGN KEY (subject) REFERENCES users (subject)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS recovery_codes (
    subject VARBINARY(256) NOT NULL,
    hash BINARY(32) NOT NULL,
    used_at BIGINT NOT NULL,
    PRIMARY KEY (subject, hash),
    FOREIGN KEY (subject) REFERENCES users (subject)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What a grant to a client has besides: for whom its tokens are, what a refresh needs again, its place in a status
-- list, and whether the client is told when the sign-in ends.
ALTER TABLE sessions
    ADD COLUMN /*M! IF NOT EXISTS */ audience TEXT NOT NULL DEFAULT (''),
    ADD COLUMN /*M! IF NOT EXISTS */ details MEDIUMTEXT NOT NULL DEFAULT (''),
    ADD COLUMN /*M! IF NOT EXISTS */ status_list BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN /*M! IF NOT EXISTS */ status_bit BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN /*M! IF NOT EXISTS */ notify BOOLEAN NOT NULL DEFAULT 0;

-- A sign-in may have had many grants that have ended, and each new one looks for the client's oldest.
CREATE INDEX /*M! IF NOT EXISTS */ sessions_grants ON sessions (parent_id, ended_at, client_id, created_at);

DROP INDEX /*M! IF EXISTS */ sessions_parent ON sessions;

CREATE INDEX /*M! IF NOT EXISTS */ sessions_status ON sessions (status_list, ended_at);
