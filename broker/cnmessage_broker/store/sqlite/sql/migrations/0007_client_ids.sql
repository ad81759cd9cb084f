-- Client ids rise with time whoever draws them, so an index that begins with them grows at one end. The one that began
-- with the sender grew in as many places as there are senders: each commit wrote a page of it for each of them. It
-- was part of the table, so the table is made anew; its old pages stay in the file, for what comes.

CREATE TABLE message_anew (
    id         BLOB    PRIMARY KEY,
    sender     INTEGER NOT NULL,
    client_id  BLOB    NOT NULL,
    kind       INTEGER NOT NULL,
    recipients TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    sent_at    INTEGER NOT NULL,
    own_seq    INTEGER NOT NULL,
    places     BLOB    NOT NULL,
    checksum   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

INSERT INTO message_anew
SELECT id, sender, client_id, kind, recipients, body, sent_at, own_seq, places, checksum FROM message;

DROP TABLE message;
ALTER TABLE message_anew RENAME TO message;

CREATE UNIQUE INDEX message_client ON message (client_id, sender);
