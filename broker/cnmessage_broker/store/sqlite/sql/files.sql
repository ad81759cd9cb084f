-- name: add_file
INSERT INTO file (id, client_id, owner, name, size, recipients, note, created, expires, mtime, executable)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
RETURNING number, id, client_id, owner, name, size, sha256, recipients, note, created, expires, status,
          message, own_seq, offered, mtime, executable;

-- name: file
SELECT number, id, client_id, owner, name, size, sha256, recipients, note, created, expires, status,
       message, own_seq, offered, mtime, executable
FROM file WHERE id = ?;

-- name: upload
SELECT number, id, client_id, owner, name, size, sha256, recipients, note, created, expires, status,
       message, own_seq, offered, mtime, executable
FROM file WHERE owner = ? AND client_id = ?;

-- name: some_upload
SELECT 1 FROM file WHERE status = 'uploading' LIMIT 1;

-- name: uploading
SELECT 1 FROM file WHERE owner = ? AND client_id = ? AND status = 'uploading';

-- name: file_usage
SELECT late, size, files FROM usage WHERE owner = ?;

-- name: complete_file
UPDATE file
SET status = CASE status WHEN 'uploading' THEN 'stored' ELSE status END,
    overdue = NULL, sha256 = :sha256, message = :message, own_seq = :seq, offered = :offered
WHERE id = :id AND owner = :owner AND message IS NULL
RETURNING number;

-- name: add_fetch
INSERT INTO fetch (file, account, place, entitled, changed) VALUES (?, ?, ?, ?, ?);

-- name: facts
SELECT id, name, size, sha256, mtime, executable FROM file WHERE message = ?;

-- name: fetch
SELECT fetch.account, fetch.status, fetch.upto
FROM file JOIN fetch ON fetch.file = file.number
WHERE file.id = ? AND fetch.account = ? AND fetch.entitled;

-- name: fetches
SELECT fetch.account, fetch.status, fetch.upto
FROM file JOIN fetch ON fetch.file = file.number
WHERE file.id = ?
ORDER BY fetch.place;

-- name: set_fetch
UPDATE fetch SET status = ?, upto = ?, changed = ?
WHERE file = (SELECT number FROM file WHERE id = ?) AND account = ?;

-- name: sent_files
SELECT number, id, client_id, owner, name, size, sha256, recipients, note, created, expires, status,
       message, own_seq, offered, mtime, executable
FROM file WHERE owner = ? AND number < ?
ORDER BY number DESC
LIMIT ?;

-- name: received_files
SELECT file.number, file.id, file.client_id, file.owner, file.name, file.size, file.sha256, file.recipients,
       file.note, file.created, file.expires, file.status, file.message, file.own_seq, file.offered,
       file.mtime, file.executable,
       fetch.account, fetch.status, fetch.upto
FROM fetch JOIN file ON file.number = fetch.file
WHERE fetch.account = ? AND fetch.entitled AND fetch.file < ?
ORDER BY fetch.file DESC
LIMIT ?;

-- name: end_file
UPDATE file SET status = ?, overdue = NULL, note = CASE status WHEN 'uploading' THEN '' ELSE note END
WHERE id = ? AND status IN ('uploading', 'stored') RETURNING sha256;

-- name: content_is_needed
SELECT 1 FROM file WHERE sha256 = ? AND status = 'stored' LIMIT 1;

-- name: fresh_overdue_files
SELECT number, id, client_id, owner, name, size, sha256, recipients, note, created, expires, status,
       message, own_seq, offered, mtime, executable
FROM file WHERE status = 'stored' AND overdue IS NULL AND expires <= ?
ORDER BY expires, number
LIMIT ?;

-- name: fresh_overdue_uploads
SELECT number, id, client_id, owner, name, size, sha256, recipients, note, created, expires, status,
       message, own_seq, offered, mtime, executable
FROM file WHERE status = 'uploading' AND overdue IS NULL AND created < ?
ORDER BY created, number
LIMIT ?;

-- name: running
SELECT seconds FROM running;

-- name: run_on
UPDATE running SET seconds = seconds + ?;

-- name: some_overdue_file
SELECT 1 FROM file WHERE status = 'stored' AND overdue IS NOT NULL LIMIT 1;

-- name: some_overdue_upload
SELECT 1 FROM file WHERE status = 'uploading' AND overdue IS NOT NULL LIMIT 1;

-- name: files_in_time
UPDATE file SET overdue = NULL
WHERE status = 'stored' AND overdue IS NOT NULL AND (expires IS NULL OR expires > ?);

-- name: uploads_in_time
UPDATE file SET overdue = NULL WHERE status = 'uploading' AND overdue IS NOT NULL AND created >= ?;

-- name: shorten_files
UPDATE file SET overdue = :longest WHERE status = 'stored' AND overdue > :longest;

-- name: shorten_uploads
UPDATE file SET overdue = :longest WHERE status = 'uploading' AND overdue > :longest;

-- name: overdue
UPDATE file SET overdue = ? WHERE id = ? AND status IN ('uploading', 'stored');

-- name: ended_files
SELECT number, id, client_id, owner, name, size, sha256, recipients, note, created, expires, status,
       message, own_seq, offered, mtime, executable
FROM file WHERE status = 'stored' AND overdue <= :running AND expires <= :now
ORDER BY overdue, expires, number
LIMIT :limit;

-- name: ended_uploads
SELECT number, id, client_id, owner, name, size, sha256, recipients, note, created, expires, status,
       message, own_seq, offered, mtime, executable
FROM file WHERE status = 'uploading' AND overdue <= :running AND created < :uploads_before
ORDER BY overdue, created, number
LIMIT :limit;

-- name: live_digests
SELECT DISTINCT sha256 FROM file WHERE status = 'stored';

-- name: open_uploads
SELECT id FROM file WHERE status = 'uploading';
