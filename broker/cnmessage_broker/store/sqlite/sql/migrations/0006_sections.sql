-- What finds items in a large inbox, so that nobody looks through all of it.
--
-- The items of an inbox stand in sections of 256: item `seq` of `owner` is in section (seq + 101 * owner) / 256.
-- (Each owner's begin elsewhere, so that a broadcast does not fill the last sections of all inboxes at once.) When
-- a section is full, two things are written, and never again: a row that says what is in it, and its items by
-- conversation. What stands above the last full section is few enough to be looked through.

-- received: how many items are received ones; direct: how many are no broadcasts; least, greatest: of sent_at.
CREATE TABLE section (
    owner    INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    least    INTEGER NOT NULL,
    greatest INTEGER NOT NULL,
    received INTEGER NOT NULL,
    direct   INTEGER NOT NULL,
    PRIMARY KEY (owner, number)
) STRICT, WITHOUT ROWID;

-- peer: whom the conversation is with, 0 for everyone. direction: 1 for what the owner sent there. A message to
-- several is in the conversation with each of them; one to oneself is received.
CREATE TABLE conversation_item (
    owner     INTEGER NOT NULL,
    peer      INTEGER NOT NULL,
    direction INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    PRIMARY KEY (owner, peer, direction, seq)
) STRICT, WITHOUT ROWID;

-- What a section is made from, with the item itself, so that filling one reads no messages. In items that were in
-- full sections already it is not set.
-- peer: as above; NULL also for what the owner sent to several. sent_at: the message's.
ALTER TABLE inbox ADD COLUMN peer INTEGER;
ALTER TABLE inbox ADD COLUMN sent_at INTEGER;

UPDATE inbox SET (peer, sent_at) = (
    SELECT CASE
             WHEN message.kind = 1 THEN 0
             WHEN message.sender <> inbox.owner THEN message.sender
             ELSE (SELECT id FROM account WHERE name = message.recipients)
           END,
           message.sent_at
    FROM message WHERE message.id = inbox.message
)
WHERE seq >= (
    SELECT (head + 101 * id + 1) / 256 * 256 - 101 * id FROM account WHERE id = inbox.owner
);

-- unread: received items above read_upto.
ALTER TABLE account ADD COLUMN unread INTEGER NOT NULL DEFAULT 0;

UPDATE account SET unread = (
    SELECT count(*) FROM inbox WHERE owner = account.id AND direction = 0 AND seq > account.read_upto
);

INSERT INTO section
SELECT inbox.owner, (inbox.seq + 101 * inbox.owner) / 256, min(message.sent_at), max(message.sent_at),
       sum(inbox.direction = 0), sum(message.kind <> 1)
FROM account
CROSS JOIN inbox ON inbox.owner = account.id
CROSS JOIN message ON message.id = inbox.message
WHERE inbox.seq < (account.head + 101 * account.id + 1) / 256 * 256 - 101 * account.id
GROUP BY 1, 2;

INSERT INTO conversation_item
SELECT inbox.owner, CASE message.kind WHEN 1 THEN 0 ELSE message.sender END, inbox.direction, inbox.seq
FROM account
CROSS JOIN inbox ON inbox.owner = account.id
CROSS JOIN message ON message.id = inbox.message
WHERE inbox.seq < (account.head + 101 * account.id + 1) / 256 * 256 - 101 * account.id
  AND (message.kind = 1 OR message.sender <> inbox.owner)
UNION ALL
SELECT inbox.owner, peer.id, CASE peer.id WHEN inbox.owner THEN inbox.direction ELSE 1 END, inbox.seq
FROM account
CROSS JOIN inbox ON inbox.owner = account.id
CROSS JOIN message ON message.id = inbox.message
CROSS JOIN json_each('["' || replace(message.recipients, ' ', '","') || '"]') AS name
CROSS JOIN account AS peer ON peer.name = name.value
WHERE inbox.seq < (account.head + 101 * account.id + 1) / 256 * 256 - 101 * account.id
  AND message.kind <> 1 AND message.sender = inbox.owner
ORDER BY 1, 2, 3, 4;
