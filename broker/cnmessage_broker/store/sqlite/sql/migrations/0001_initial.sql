-- Accounts, the devices that are logged in to them, messages once, and an inbox row for each owner.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE,
    password      TEXT    NOT NULL,
    created       INTEGER NOT NULL,
    head          INTEGER NOT NULL DEFAULT 0,
    read_upto     INTEGER NOT NULL DEFAULT 0,
    received_upto INTEGER NOT NULL DEFAULT 0,
    away_from     INTEGER NOT NULL DEFAULT 0,
    away_upto     INTEGER,
    last_seen     INTEGER
) STRICT;

CREATE TABLE device (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    key       TEXT    NOT NULL UNIQUE,
    account   INTEGER NOT NULL REFERENCES account (id),
    label     TEXT    NOT NULL,
    created   INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
) STRICT;

CREATE INDEX device_account ON device (account);

CREATE TABLE block (
    owner  INTEGER NOT NULL REFERENCES account (id),
    target INTEGER NOT NULL REFERENCES account (id),
    PRIMARY KEY (owner, target)
) STRICT, WITHOUT ROWID;

-- places: pairs of little-endian int64 (recipient, seq of the inbox row, 0 when it was withheld), for receipts.
CREATE TABLE message (
    id         BLOB    PRIMARY KEY,
    sender     INTEGER NOT NULL,
    client_id  BLOB    NOT NULL,
    kind       INTEGER NOT NULL,
    recipients TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    sent_at    INTEGER NOT NULL,
    own_seq    INTEGER NOT NULL,
    places     BLOB    NOT NULL,
    UNIQUE (sender, client_id)
) STRICT, WITHOUT ROWID;

-- direction: 0 received, 1 the sender's own copy. seq counts 1, 2, 3 … for each owner without gaps.
CREATE TABLE inbox (
    owner     INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    message   BLOB    NOT NULL,
    direction INTEGER NOT NULL,
    PRIMARY KEY (owner, seq)
) STRICT, WITHOUT ROWID;
