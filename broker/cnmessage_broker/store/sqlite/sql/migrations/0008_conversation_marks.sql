-- How far an owner has read a conversation, where that is further than account.read_upto: there everything is
-- read, whatever conversation it is in. Rows that say no more than that are deleted.
-- peer: as in conversation_item.
CREATE TABLE conversation_mark (
    owner     INTEGER NOT NULL,
    peer      INTEGER NOT NULL,
    read_upto INTEGER NOT NULL,
    PRIMARY KEY (owner, peer)
) STRICT, WITHOUT ROWID;
