-- +goose Up

-- Channels of live sockets that are not in the configuration. The row without a name has the version of the list.
CREATE TABLE channels (
    name TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO channels (name, document, version) VALUES ('', '', 1);

-- Sockets that are live, each on its node, which closes the one that it is asked to.
CREATE TABLE sockets (
    id TEXT NOT NULL PRIMARY KEY,
    node TEXT NOT NULL,
    subject TEXT NOT NULL,
    client_id TEXT NOT NULL,
    session TEXT NOT NULL,
    transport TEXT NOT NULL,
    address TEXT NOT NULL,
    connected_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    end_asked INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sockets_node ON sockets (node, end_asked);

CREATE INDEX sockets_subject ON sockets (subject);
