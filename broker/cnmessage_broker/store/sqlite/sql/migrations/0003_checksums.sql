-- A checksum for each message, over all its columns (store/checksums.py): `check --deep` finds a flipped bit by it.
-- Texts are given as their bytes, so that one that is no UTF-8 any more has a checksum too.

ALTER TABLE message ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;

UPDATE message SET checksum = message_checksum(
    id, sender, client_id, kind, CAST(recipients AS BLOB), CAST(body AS BLOB), sent_at, own_seq, places
);
