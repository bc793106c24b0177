-- +goose Up
-- The network of the address, by which a user is known at a place where they
-- have logged in: looked up as fast whether or not there is such a user.
ALTER TABLE sessions ADD COLUMN network TEXT NOT NULL DEFAULT '';

CREATE INDEX sessions_place ON sessions (subject, network, credential_version);
