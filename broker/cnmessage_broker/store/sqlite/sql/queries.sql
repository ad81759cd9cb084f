-- name: accounts
SELECT id, name, password, created, head, read_upto, received_upto, away_from, away_upto,
       unread
FROM account;

-- name: add_account
INSERT INTO account (name, password, created) VALUES (?, ?, ?) RETURNING id;

-- name: users
SELECT id, name, last_seen FROM account WHERE name > ? ORDER BY name LIMIT ?;

-- name: set_password
UPDATE account SET password = ? WHERE id = ?;

-- name: unbind_others
DELETE FROM device WHERE account = ? AND key <> ?
RETURNING id, key, account, label, created, last_seen;

-- name: bind_device
INSERT INTO device (key, account, label, created, last_seen) VALUES (?, ?, ?, ?, ?)
RETURNING id, key, account, label, created, last_seen;

-- name: rebind_device
UPDATE device SET label = ?, last_seen = ? WHERE key = ?
RETURNING id, key, account, label, created, last_seen;

-- name: unbind_key
DELETE FROM device WHERE key = ?;

-- name: all_devices
SELECT id, key, account, label, created, last_seen FROM device;

-- name: unbind_device
DELETE FROM device WHERE account = ? AND id = ?;

-- name: saw_device
UPDATE device SET last_seen = ? WHERE key = ?;

-- name: all_blocks
SELECT owner, target FROM block;

-- name: block
INSERT INTO block (owner, target) VALUES (?, ?);

-- name: unblock
DELETE FROM block WHERE owner = ? AND target = ?;

-- name: how_read
SELECT head, read_upto, unread FROM account WHERE id = ?;

-- name: set_marks
WITH fresh (head, read_upto, received_upto, away_from, away_upto, unread, owner) AS (
    VALUES (?, ?, ?, ?, ?, ?, ?)
)
UPDATE account
SET head = fresh.head, read_upto = fresh.read_upto, received_upto = fresh.received_upto,
    away_from = fresh.away_from, away_upto = fresh.away_upto, unread = fresh.unread
FROM fresh WHERE account.id = fresh.owner;

-- name: seen_at
WITH fresh (last_seen, owner) AS (VALUES (?, ?))
UPDATE account SET last_seen = fresh.last_seen FROM fresh WHERE account.id = fresh.owner;

-- name: add_message
INSERT INTO message (id, sender, client_id, kind, recipients, body, sent_at, own_seq, places, checksum)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_inbox
INSERT INTO inbox (owner, seq, message, direction, peer, sent_at) VALUES (?, ?, ?, ?, ?, ?);

-- name: find_message
SELECT id, kind, recipients, body, own_seq, places FROM message WHERE sender = ? AND client_id = ?;

-- name: all_left
UPDATE account SET away_from = head, away_upto = NULL WHERE away_upto IS NOT NULL;

-- name: inbox_after
SELECT inbox.seq, inbox.direction, message.id, message.kind, message.sender, message.recipients,
       message.sent_at, message.body, message.client_id
FROM inbox JOIN message ON message.id = inbox.message
WHERE inbox.owner = ? AND inbox.seq > ?
ORDER BY inbox.seq
LIMIT ?;

-- name: item
SELECT inbox.seq, inbox.direction, message.id, message.kind, message.sender, message.recipients,
       message.sent_at, message.body, message.client_id
FROM inbox JOIN message ON message.id = inbox.message
WHERE inbox.owner = ? AND inbox.seq = ?;

-- name: receipts
SELECT coalesce(substr(places, 1, ?), x''), CASE kind WHEN 1 THEN 0 ELSE sender END
FROM message WHERE id = ? AND sender = ?;

-- name: progress
SELECT account.id, account.received_upto, max(account.read_upto, coalesce(mark.read_upto, 0))
FROM account LEFT JOIN conversation_mark AS mark ON mark.owner = account.id AND mark.peer = ?
WHERE account.id IN (SELECT value FROM json_each(?));
