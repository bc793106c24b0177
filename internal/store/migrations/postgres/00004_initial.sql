-- Versions mean the same on every database: this is the schema that SQLite has
-- with its fourth. Instants are Unix milliseconds, 0 is none. Rows of users are
-- never deleted: a subject is never given to anybody else. Names are compared and
-- ordered by their bytes.

-- +goose Up
CREATE TABLE meta (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Another epoch means that the history was replaced, and followers reload.
INSERT INTO meta (name, value) VALUES ('epoch', replace(CAST(gen_random_uuid() AS TEXT), '-', ''));

CREATE TABLE users (
    subject             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    username            TEXT    NOT NULL,
    password_hash       TEXT    NOT NULL,
    disabled            BOOLEAN NOT NULL,
    credential_version  BIGINT  NOT NULL,
    created_at          BIGINT  NOT NULL,
    password_changed_at BIGINT  NOT NULL
);

CREATE TABLE user_roles (
    subject TEXT COLLATE "C" NOT NULL REFERENCES users (subject),
    role    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (subject, role)
);

CREATE INDEX user_roles_role ON user_roles (role);

-- The one secret that may create the first administrator.
CREATE TABLE bootstrap (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    hash       BYTEA   NOT NULL CHECK (length(hash) = 32),
    expires_at BIGINT  NOT NULL
);

CREATE TABLE sessions (
    id                 BYTEA  NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    parent_id          BYTEA  CHECK (length(parent_id) = 16),
    subject            TEXT COLLATE "C" NOT NULL REFERENCES users (subject),
    client_id          TEXT   NOT NULL,
    jkt                TEXT   NOT NULL,
    generation         BIGINT NOT NULL CHECK (generation BETWEEN 0 AND 4294967295),
    secret_hash        BYTEA  NOT NULL CHECK (length(secret_hash) = 32),
    credential_version BIGINT NOT NULL,
    transport          TEXT   NOT NULL,
    scope              TEXT   NOT NULL,
    auth_time          BIGINT NOT NULL,
    amr                TEXT   NOT NULL,
    acr                TEXT   NOT NULL,
    user_agent         TEXT   NOT NULL,
    address            TEXT   NOT NULL,
    network            TEXT   NOT NULL DEFAULT '',
    created_at         BIGINT NOT NULL,
    rotated_at         BIGINT NOT NULL,
    last_used_at       BIGINT NOT NULL,
    idle_expires_at    BIGINT NOT NULL,
    expires_at         BIGINT NOT NULL,
    ended_at           BIGINT NOT NULL,
    end_reason         TEXT   NOT NULL,
    user_version       BIGINT NOT NULL DEFAULT 0,
    idle_day           INTEGER NOT NULL GENERATED ALWAYS AS (CAST(idle_expires_at / 86400000 AS INTEGER)) STORED,
    CONSTRAINT sessions_limits CHECK (idle_expires_at <= expires_at)
) WITH (fillfactor = 70);

CREATE INDEX sessions_alive ON sessions (subject, created_at) WHERE ended_at = 0;
CREATE INDEX sessions_parent ON sessions (parent_id) WHERE parent_id IS NOT NULL;
-- An ended session's idle limit is its end, so that this finds all that may be purged. By the day,
-- because a refresh then changes no index, and finds room for the row where it is.
CREATE INDEX sessions_idle ON sessions (idle_day);

-- Nodes remember what a refresh answers of the user, as long as the session's user_version stays. It is random
-- and not counted: a count would come to the same number again when a backup was loaded. Whoever changes roles sets
-- another one.
-- +goose StatementBegin
CREATE FUNCTION users_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sessions SET user_version = CAST(1 + random() * 9007199254740991 AS BIGINT)
    WHERE subject = NEW.subject AND ended_at = 0;
    RETURN NULL;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER users_changed AFTER UPDATE ON users FOR EACH ROW
    WHEN ((NEW.username, NEW.disabled, NEW.credential_version) IS DISTINCT FROM (OLD.username, OLD.disabled, OLD.credential_version))
    EXECUTE FUNCTION users_changed();

CREATE TABLE revocations (
    seq        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       TEXT   NOT NULL,
    handle     TEXT   NOT NULL,
    not_before BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX revocations_expiry ON revocations (expires_at);

CREATE TABLE keys (
    kid         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    algorithm   TEXT   NOT NULL,
    sealed      BYTEA  NOT NULL,
    created_at  BIGINT NOT NULL,
    activate_at BIGINT NOT NULL
);

CREATE TABLE audit (
    seq        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         BIGINT NOT NULL,
    action     TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    session    TEXT   NOT NULL,
    address    TEXT   NOT NULL,
    user_agent TEXT   NOT NULL,
    request_id TEXT   NOT NULL,
    actor      TEXT   NOT NULL,
    detail     TEXT   NOT NULL
);

-- +goose StatementBegin
CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit is append-only';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();

-- Where users have logged in, which outlives their sessions: a few networks for
-- each, under the password that was right there.
CREATE TABLE places (
    subject            TEXT COLLATE "C" NOT NULL REFERENCES users (subject),
    network            TEXT COLLATE "C" NOT NULL,
    credential_version BIGINT NOT NULL,
    last_seen          BIGINT NOT NULL,
    PRIMARY KEY (subject, network)
);

CREATE INDEX places_seen ON places (last_seen);

-- What one process at a time does for all, and until when it has the right to.
CREATE TABLE leases (
    name       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    holder     TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);

-- One-time values that were used: the hash of each, which is unique.
CREATE TABLE spent (
    id         BYTEA  NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    expires_at BIGINT NOT NULL
);

CREATE INDEX spent_expiry ON spent (expires_at);
