-- Each statement is a transaction of its own, and does no harm where it was done before.

-- +goose NO TRANSACTION

-- +goose Up
-- Channels of live sockets that are not in the configuration. The row without a name has the version of the list.
CREATE TABLE IF NOT EXISTS channels (
    name VARBINARY(256) NOT NULL PRIMARY KEY,
    document MEDIUMTEXT NOT NULL,
    version BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT IGNORE INTO channels (name, document, version) VALUES ('', '', 1);

-- Sockets that are live, each on its node, which closes the one that it is asked to.
CREATE TABLE IF NOT EXISTS sockets (
    id VARBINARY(64) NOT NULL PRIMARY KEY,
    node VARBINARY(64) NOT NULL,
    subject VARBINARY(512) NOT NULL,
    client_id VARBINARY(512) NOT NULL,
    session TEXT NOT NULL,
    transport TEXT NOT NULL,
    address TEXT NOT NULL,
    connected_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    end_asked BIGINT NOT NULL,
    KEY sockets_node (node, end_asked),
    KEY sockets_subject (subject)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
