-- Files: who uploaded what, the message that offers it, and how far each recipient is. Their bytes are not here.

-- sha256, message, own_seq and offered (how many it is offered to) are set when the upload is complete.
CREATE TABLE file (
    number     INTEGER PRIMARY KEY,
    id         BLOB    NOT NULL UNIQUE,
    client_id  BLOB    NOT NULL,
    owner      INTEGER NOT NULL REFERENCES account (id),
    name       TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    sha256     BLOB,
    recipients TEXT    NOT NULL,
    note       TEXT    NOT NULL,
    created    INTEGER NOT NULL,
    expires    INTEGER,
    status     TEXT    NOT NULL DEFAULT 'uploading',
    message    BLOB    UNIQUE,
    own_seq    INTEGER NOT NULL DEFAULT 0,
    offered    INTEGER NOT NULL DEFAULT 0,
    UNIQUE (owner, client_id)
) STRICT;

CREATE INDEX file_owner ON file (owner);
CREATE INDEX file_usage ON file (owner, size) WHERE status IN ('uploading', 'stored');
CREATE INDEX file_content ON file (sha256) WHERE status = 'stored';
CREATE INDEX file_expires ON file (expires) WHERE status = 'stored';
CREATE INDEX file_uploading ON file (created) WHERE status = 'uploading';

-- place: the recipient's among all; entitled: 0 when the file was withheld; upto: bytes; changed: ms since 1970.
CREATE TABLE fetch (
    file     INTEGER NOT NULL REFERENCES file (number),
    account  INTEGER NOT NULL REFERENCES account (id),
    place    INTEGER NOT NULL,
    entitled INTEGER NOT NULL,
    status   TEXT    NOT NULL DEFAULT 'offered',
    upto     INTEGER NOT NULL DEFAULT 0,
    changed  INTEGER NOT NULL,
    PRIMARY KEY (file, account)
) STRICT, WITHOUT ROWID;

CREATE INDEX fetch_account ON fetch (account, file) WHERE entitled;
