-- A file whose time is over by the wall clock may only seem so: its bytes stay for a while of the broker's own
-- running time, in which the clock may be put right.

-- Seconds for which a broker has run on this database while some file was past due.
CREATE TABLE running (
    seconds INTEGER NOT NULL
) STRICT;

INSERT INTO running VALUES (0);

-- overdue: set while a file is past due: the running time from which on its bytes may go.
ALTER TABLE file ADD COLUMN overdue INTEGER;

DROP INDEX file_usage;
DROP INDEX file_expires;
DROP INDEX file_uploading;

CREATE INDEX file_usage ON file (owner, status, expires, size) WHERE status IN ('uploading', 'stored');
CREATE INDEX file_expires ON file (overdue, expires) WHERE status = 'stored';
CREATE INDEX file_uploading ON file (overdue, created) WHERE status = 'uploading';
