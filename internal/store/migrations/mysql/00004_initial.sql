-- Versions mean the same on every database: this is the schema that SQLite has
-- with its fourth. Instants are Unix milliseconds, 0 is none. Rows of users are
-- never deleted: a subject is never given to anybody else. Names are compared and
-- ordered by their bytes, without padding: VARBINARY.
--
-- Here each statement is a transaction of its own. Whoever was interrupted
-- begins again, so each must do no harm where it was done before.

-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS meta (
    name  VARBINARY(64) NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Another epoch means that the history was replaced, and followers reload.
INSERT IGNORE INTO meta (name, value) VALUES ('epoch', REPLACE(UUID(), '-', ''));

CREATE TABLE IF NOT EXISTS users (
    subject             VARBINARY(256) NOT NULL PRIMARY KEY,
    username            VARBINARY(512) NOT NULL,
    password_hash       TEXT    NOT NULL,
    disabled            BOOLEAN NOT NULL CHECK (disabled IN (0, 1)),
    credential_version  BIGINT  NOT NULL,
    created_at          BIGINT  NOT NULL,
    password_changed_at BIGINT  NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS user_roles (
    subject VARBINARY(256) NOT NULL,
    role    VARBINARY(64)  NOT NULL,
    PRIMARY KEY (subject, role),
    KEY user_roles_role (role),
    FOREIGN KEY (subject) REFERENCES users (subject)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The one secret that may create the first administrator.
CREATE TABLE IF NOT EXISTS bootstrap (
    id         INTEGER    NOT NULL PRIMARY KEY CHECK (id = 1),
    hash       BINARY(32) NOT NULL,
    expires_at BIGINT     NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- An ended session's idle limit is its end, so that sessions_idle finds all that may be purged: by the
-- day, because a refresh then changes no index.
CREATE TABLE IF NOT EXISTS sessions (
    id                 BINARY(16)     NOT NULL PRIMARY KEY,
    parent_id          BINARY(16),
    subject            VARBINARY(256) NOT NULL,
    client_id          VARBINARY(512) NOT NULL,
    jkt                VARBINARY(64)  NOT NULL,
    generation         BIGINT         NOT NULL CHECK (generation BETWEEN 0 AND 4294967295),
    secret_hash        BINARY(32)     NOT NULL,
    credential_version BIGINT         NOT NULL,
    transport          VARBINARY(16)  NOT NULL,
    scope              TEXT           NOT NULL,
    auth_time          BIGINT         NOT NULL,
    amr                VARCHAR(255)   NOT NULL,
    acr                VARCHAR(255)   NOT NULL,
    user_agent         TEXT           NOT NULL,
    address            VARCHAR(255)   NOT NULL,
    network            VARBINARY(64)  NOT NULL DEFAULT '',
    created_at         BIGINT         NOT NULL,
    rotated_at         BIGINT         NOT NULL,
    last_used_at       BIGINT         NOT NULL,
    idle_expires_at    BIGINT         NOT NULL,
    expires_at         BIGINT         NOT NULL,
    ended_at           BIGINT         NOT NULL,
    end_reason         VARCHAR(64)    NOT NULL,
    user_version       BIGINT         NOT NULL DEFAULT 0,
    idle_day           INTEGER        AS (idle_expires_at DIV 86400000) STORED,
    KEY sessions_alive (subject, ended_at, created_at),
    KEY sessions_parent (parent_id),
    KEY sessions_idle (idle_day),
    CONSTRAINT sessions_limits CHECK (idle_expires_at <= expires_at),
    FOREIGN KEY (subject) REFERENCES users (subject)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Nodes remember what a refresh answers of the user, as long as the session's user_version stays. It is random
-- and not counted: a count would come to the same number again when a backup was loaded. Whoever changes roles sets
-- another one.
CREATE TRIGGER IF NOT EXISTS users_changed AFTER UPDATE ON users FOR EACH ROW
    UPDATE sessions SET user_version = FLOOR(1 + RAND() * 9007199254740991)
    WHERE subject = NEW.subject AND ended_at = 0 AND NOT (NEW.username = OLD.username
        AND NEW.disabled = OLD.disabled AND NEW.credential_version = OLD.credential_version);

CREATE TABLE IF NOT EXISTS revocations (
    seq        BIGINT         NOT NULL AUTO_INCREMENT PRIMARY KEY,
    kind       VARBINARY(16)  NOT NULL,
    handle     VARBINARY(512) NOT NULL,
    not_before BIGINT         NOT NULL,
    expires_at BIGINT         NOT NULL,
    KEY revocations_expiry (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS "keys" (
    kid         VARBINARY(256) NOT NULL PRIMARY KEY,
    algorithm   VARBINARY(16)  NOT NULL,
    sealed      BLOB           NOT NULL,
    created_at  BIGINT         NOT NULL,
    activate_at BIGINT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS audit (
    seq        BIGINT        NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at         BIGINT        NOT NULL,
    action     VARBINARY(64) NOT NULL,
    subject    TEXT          NOT NULL,
    session    TEXT          NOT NULL,
    address    TEXT          NOT NULL,
    user_agent TEXT          NOT NULL,
    request_id TEXT          NOT NULL,
    actor      TEXT          NOT NULL,
    detail     MEDIUMTEXT    NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TRIGGER IF NOT EXISTS audit_no_update BEFORE UPDATE ON audit
    FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit is append-only';

CREATE TRIGGER IF NOT EXISTS audit_no_delete BEFORE DELETE ON audit
    FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit is append-only';

-- Where users have logged in, which outlives their sessions: a few networks for
-- each, under the password that was right there.
CREATE TABLE IF NOT EXISTS places (
    subject            VARBINARY(256) NOT NULL,
    network            VARBINARY(64)  NOT NULL,
    credential_version BIGINT         NOT NULL,
    last_seen          BIGINT         NOT NULL,
    PRIMARY KEY (subject, network),
    KEY places_seen (last_seen),
    FOREIGN KEY (subject) REFERENCES users (subject)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What one process at a time does for all, and until when it has the right to.
CREATE TABLE IF NOT EXISTS leases (
    name       VARBINARY(64)  NOT NULL PRIMARY KEY,
    holder     VARBINARY(256) NOT NULL,
    expires_at BIGINT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One-time values that were used: the hash of each, which is unique.
CREATE TABLE IF NOT EXISTS spent (
    id         BINARY(32) NOT NULL PRIMARY KEY,
    expires_at BIGINT     NOT NULL,
    KEY spent_expiry (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
