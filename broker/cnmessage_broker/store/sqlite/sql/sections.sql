-- name: describe_section
INSERT INTO section
SELECT :owner, :number, min(sent_at), max(sent_at), sum(direction = 0), sum(peer IS NOT 0)
FROM inbox
WHERE owner = :owner AND seq BETWEEN :first AND :last;

-- name: sort_section
INSERT INTO conversation_item
SELECT owner, peer, direction, seq FROM inbox
WHERE owner = :owner AND seq BETWEEN :first AND :last AND peer IS NOT NULL
UNION ALL
SELECT inbox.owner, peer.id, CASE peer.id WHEN inbox.owner THEN inbox.direction ELSE 1 END, inbox.seq
FROM inbox
CROSS JOIN message ON message.id = inbox.message
CROSS JOIN json_each('["' || replace(message.recipients, ' ', '","') || '"]') AS name
CROSS JOIN account AS peer ON peer.name = name.value
WHERE inbox.owner = :owner AND inbox.seq BETWEEN :first AND :last AND inbox.peer IS NULL
ORDER BY 2, 3, 4;

-- name: received_between
SELECT (SELECT coalesce(sum(received), 0) FROM section WHERE owner = :owner AND number BETWEEN :first AND :last)
     + (SELECT count(*) FROM inbox WHERE owner = :owner AND seq > :above AND seq < :low AND direction = 0)
     + (SELECT count(*) FROM inbox WHERE owner = :owner AND seq > :high AND seq <= :upto AND direction = 0);

-- name: look_back
SELECT inbox.seq
FROM inbox CROSS JOIN message ON message.id = inbox.message
WHERE inbox.owner = :owner AND inbox.seq > :above AND inbox.seq <= :upto
  AND CASE
        WHEN :peer IS NULL THEN TRUE
        WHEN :peer = 0 THEN message.kind = 1
        ELSE message.kind <> 1 AND (
               inbox.direction = 0 AND message.sender = :peer
               -- The owner's own, also when it came back because the owner is among its recipients.
               OR message.sender = :owner AND NOT :received_only
                  AND instr(' ' || message.recipients || ' ', ' ' || :name || ' ') > 0
             )
      END
  AND (NOT :received_only OR inbox.direction = 0)
  AND (NOT :direct_only OR message.kind <> 1)
  AND (:since IS NULL OR message.sent_at >= :since)
  AND (:until IS NULL OR message.sent_at < :until)
  AND (NOT :unread_only OR NOT EXISTS (
        SELECT 1 FROM conversation_mark AS mark
        WHERE mark.owner = :owner AND mark.peer = CASE message.kind WHEN 1 THEN 0 ELSE message.sender END
          AND mark.read_upto >= inbox.seq
      ))
ORDER BY inbox.seq DESC;

-- name: sections_back
SELECT inbox.seq
FROM section
CROSS JOIN inbox ON inbox.owner = section.owner
    AND inbox.seq >= max(section.number * :size - :phase, :above + 1)
    AND inbox.seq <= min(section.number * :size - :phase + :size - 1, :upto)
CROSS JOIN message ON message.id = inbox.message
WHERE section.owner = :owner AND section.number <= :last AND section.number >= :first
  AND (:since IS NULL OR section.greatest >= :since)
  AND (:until IS NULL OR section.least < :until)
  AND (NOT :received_only OR section.received > 0)
  AND (NOT :direct_only OR section.direct > 0)
  AND (NOT :received_only OR inbox.direction = 0)
  AND (NOT :direct_only OR message.kind <> 1)
  AND (:since IS NULL OR message.sent_at >= :since)
  AND (:until IS NULL OR message.sent_at < :until)
  AND (NOT :unread_only OR NOT EXISTS (
        SELECT 1 FROM conversation_mark AS mark
        WHERE mark.owner = :owner AND mark.peer = CASE message.kind WHEN 1 THEN 0 ELSE message.sender END
          AND mark.read_upto >= inbox.seq
      ))
ORDER BY section.number DESC, inbox.seq DESC;

-- name: conversation_back
SELECT seq FROM conversation_item
WHERE owner = :owner AND peer = :peer AND direction = 0 AND seq > :above AND seq <= :upto
UNION ALL
SELECT seq FROM conversation_item
WHERE owner = :owner AND peer = :peer AND direction = 1 AND seq > :above AND seq <= :upto AND NOT :received_only
ORDER BY seq DESC;

-- name: latest_in_conversation
SELECT max(
    coalesce((
        SELECT max(seq) FROM conversation_item
        WHERE owner = :owner AND peer = :peer AND direction = 0 AND seq > :above AND seq <= :upto
    ), 0),
    coalesce((
        SELECT max(seq) FROM conversation_item
        WHERE owner = :owner AND peer = :peer AND direction = 1 AND seq > :above AND seq <= :upto
          AND NOT :received_only
    ), 0)
);

-- name: section_in_time
SELECT number FROM section
WHERE owner = :owner AND number <= :last AND number >= :first
  AND (:since IS NULL OR greatest >= :since)
  AND (:until IS NULL OR least < :until)
ORDER BY number DESC
LIMIT 1;

-- name: conversation_in_section
SELECT item.seq
FROM conversation_item AS item
CROSS JOIN inbox ON inbox.owner = item.owner AND inbox.seq = item.seq
CROSS JOIN message ON message.id = inbox.message
WHERE item.owner = :owner AND item.peer = :peer AND item.direction IN (0, NOT :received_only)
  AND item.seq > :above AND item.seq <= :upto
  AND (:since IS NULL OR message.sent_at >= :since)
  AND (:until IS NULL OR message.sent_at < :until)
ORDER BY item.seq DESC;

-- name: conversation_marks
SELECT peer, read_upto FROM conversation_mark WHERE owner = ?;

-- name: conversation_mark
SELECT read_upto FROM conversation_mark WHERE owner = ? AND peer = ?;

-- name: set_conversation_mark
INSERT INTO conversation_mark (owner, peer, read_upto) VALUES (?, ?, ?)
ON CONFLICT (owner, peer) DO UPDATE SET read_upto = excluded.read_upto;

-- name: drop_conversation_marks
DELETE FROM conversation_mark WHERE owner = ? AND read_upto <= ?;

-- name: received_in
SELECT (
    SELECT count(*) FROM conversation_item
    WHERE owner = :owner AND peer = :peer AND direction = 0 AND seq > :above AND seq <= :upto
) + (
    SELECT count(*) FROM inbox
    WHERE owner = :owner AND seq > max(:above, :full) AND seq <= :upto AND direction = 0
      AND coalesce(peer, owner) = :peer
);

-- name: conversations
WITH RECURSIVE filed (peer) AS (
    SELECT min(peer) FROM conversation_item WHERE owner = :owner
    UNION ALL
    SELECT (SELECT min(peer) FROM conversation_item WHERE owner = :owner AND peer > filed.peer)
    FROM filed WHERE filed.peer IS NOT NULL
),
latest (peer, seq) AS (
    SELECT peer, max(
        coalesce((
            SELECT max(seq) FROM conversation_item AS item
            WHERE item.owner = :owner AND item.peer = filed.peer AND item.direction = 0
        ), 0),
        coalesce((
            SELECT max(seq) FROM conversation_item AS item
            WHERE item.owner = :owner AND item.peer = filed.peer AND item.direction = 1
        ), 0)
    )
    FROM filed WHERE peer IS NOT NULL
    UNION ALL
    SELECT peer, seq FROM inbox WHERE owner = :owner AND seq > :full AND peer IS NOT NULL
    UNION ALL
    SELECT peer.id, inbox.seq
    FROM inbox
    CROSS JOIN message ON message.id = inbox.message
    CROSS JOIN json_each('["' || replace(message.recipients, ' ', '","') || '"]') AS name
    CROSS JOIN account AS peer ON peer.name = name.value
    WHERE inbox.owner = :owner AND inbox.seq > :full AND inbox.peer IS NULL
)
SELECT listed.peer, listed.last
FROM (SELECT peer, max(seq) AS last FROM latest GROUP BY peer) AS listed
LEFT JOIN account ON account.id = listed.peer
WHERE :before IS NULL OR listed.last < :before
   OR listed.last = :before AND coalesce(account.name, :everyone) > :beside
ORDER BY listed.last DESC, coalesce(account.name, :everyone)
LIMIT :limit;
