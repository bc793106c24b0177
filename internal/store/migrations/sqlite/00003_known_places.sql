-- +goose Up
-- Where users have logged in, which outlives their sessions: a few networks for
-- each, under the password that was right there.
CREATE TABLE places (
    subject            TEXT    NOT NULL REFERENCES users (subject),
    network            TEXT    NOT NULL,
    credential_version INTEGER NOT NULL,
    last_seen          INTEGER NOT NULL,
    PRIMARY KEY (subject, network)
) STRICT, WITHOUT ROWID;

CREATE INDEX places_seen ON places (last_seen);

INSERT INTO places (subject, network, credential_version, last_seen)
SELECT subject, network, MAX(credential_version), MAX(created_at) FROM sessions
WHERE network <> '' AND parent_id IS NULL GROUP BY subject, network;

-- sessions.network is of no use any more.
DROP INDEX sessions_place;
