-- What a file was on its sender's disk: when it was written last, in ms since 1970 if known, and whether it was
-- executable there.

ALTER TABLE file ADD COLUMN mtime INTEGER;
ALTER TABLE file ADD COLUMN executable INTEGER NOT NULL DEFAULT 0;
