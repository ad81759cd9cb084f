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

CREATE INDEX file_expires ON file (overdue, expires) WHERE status = 'stored';
CREATE INDEX file_uploading ON file (overdue, created) WHERE status = 'uploading';

-- What each owner's files take that are uploading or stored; in a row apart (late) that of stored ones past due.
CREATE TABLE usage (
    owner INTEGER NOT NULL REFERENCES account (id),
    late  INTEGER NOT NULL,
    size  INTEGER NOT NULL,
    files INTEGER NOT NULL,
    PRIMARY KEY (owner, late)
) STRICT, WITHOUT ROWID;

INSERT INTO usage
SELECT owner, 0, sum(size), count(*) FROM file WHERE status IN ('uploading', 'stored') GROUP BY owner;

CREATE TRIGGER file_counted AFTER INSERT ON file WHEN new.status IN ('uploading', 'stored')
BEGIN
    INSERT INTO usage VALUES (new.owner, new.status = 'stored' AND new.overdue IS NOT NULL, new.size, 1)
    ON CONFLICT DO UPDATE SET size = size + excluded.size, files = files + 1;
END;

CREATE TRIGGER file_counted_anew AFTER UPDATE OF status, overdue ON file
WHEN old.status <> new.status OR (old.overdue IS NULL) <> (new.overdue IS NULL)
BEGIN
    UPDATE usage SET size = size - old.size, files = files - 1
    WHERE owner = old.owner AND late = (old.status = 'stored' AND old.overdue IS NOT NULL)
      AND old.status IN ('uploading', 'stored');
    INSERT INTO usage
    SELECT new.owner, new.status = 'stored' AND new.overdue IS NOT NULL, new.size, 1
    WHERE new.status IN ('uploading', 'stored')
    ON CONFLICT DO UPDATE SET size = size + excluded.size, files = files + 1;
END;
