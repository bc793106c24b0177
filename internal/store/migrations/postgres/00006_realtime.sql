-- +goose Up

-- Channels of live sockets that are not in the configuration. The row without a name has the version of the list.
CREATE TABLE channels (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    version BIGINT NOT NULL
);

INSERT INTO channels (name, document, version) VALUES ('', '', 1);

-- Sockets that are live, each on its node, which closes the one that it is asked to.
CREATE TABLE sockets (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    node TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    session TEXT NOT NULL,
    transport TEXT NOT NULL,
    address TEXT NOT NULL,
    connected_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    end_asked BIGINT NOT NULL
);

CREATE INDEX sockets_node ON sockets (node, end_asked);

CREATE INDEX sockets_subject ON sockets (subject);
