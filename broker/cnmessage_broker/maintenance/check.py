"""`check`: whether the pages of a database are whole, and whether its tables agree with each other.

Knows nothing of what the rows say: their checksums, and the contents of files, are the deep check's.
"""

from pathlib import Path

import apsw

from cnmessage_broker.store.sqlite.condition import reading
from cnmessage_broker.store.sqlite.migrate import open_database, recognise
from cnmessage_broker.store.sqlite.queries import migrations

_INVARIANTS = {
    "an inbox is not numbered 1, 2, 3 … up to its head": """
        SELECT account.name FROM account
        LEFT JOIN inbox ON inbox.owner = account.id
        GROUP BY account.id
        HAVING count(inbox.seq) <> account.head OR coalesce(max(inbox.seq), 0) <> account.head
            OR coalesce(min(inbox.seq), 1) <> 1
    """,
    "an inbox entry has no message": """
        SELECT account.name FROM inbox
        JOIN account ON account.id = inbox.owner
        LEFT JOIN message ON message.id = inbox.message
        WHERE message.id IS NULL
    """,
    "an inbox holds a message twice": """
        SELECT account.name FROM inbox
        JOIN account ON account.id = inbox.owner
        GROUP BY inbox.owner, inbox.message
        HAVING count(*) > 1
    """,
    "a mark lies beyond the head": """
        SELECT name FROM account
        WHERE read_upto > head OR received_upto > head OR away_from > head OR away_upto > head
            OR EXISTS (SELECT 1 FROM conversation_mark WHERE owner = account.id AND read_upto > head)
    """,
    "the count of unread items is wrong": """
        SELECT account.name FROM account
        LEFT JOIN (
            SELECT inbox.owner AS owner, inbox.seq AS seq FROM inbox
            JOIN account ON account.id = inbox.owner
            JOIN message ON message.id = inbox.message
            LEFT JOIN conversation_mark AS mark ON mark.owner = inbox.owner
                AND mark.peer = CASE message.kind WHEN 1 THEN 0 ELSE message.sender END
            WHERE inbox.direction = 0 AND inbox.seq > max(account.read_upto, coalesce(mark.read_upto, 0))
        ) AS waiting ON waiting.owner = account.id
        GROUP BY account.id
        HAVING count(waiting.seq) <> account.unread
    """,
    "not every full section of an inbox is described, or one that is not full is": """
        SELECT account.name FROM account
        LEFT JOIN section ON section.owner = account.id
        GROUP BY account.id
        HAVING count(section.number)
                <> (account.head + 1 + 101 * account.id) / 256 - (1 + 101 * account.id) / 256
            OR max(section.number) >= (account.head + 1 + 101 * account.id) / 256
    """,
    "a stored file has no digest or no message": """
        SELECT account.name FROM file
        JOIN account ON account.id = file.owner
        LEFT JOIN message ON message.id = file.message
        WHERE file.status = 'stored' AND (file.sha256 IS NULL OR message.id IS NULL)
    """,
    "an unfinished upload is offered already": """
        SELECT account.name FROM file
        JOIN account ON account.id = file.owner
        WHERE file.status = 'uploading' AND file.message IS NOT NULL
    """,
    "the count of files is wrong": """
        SELECT account.name FROM account
        LEFT JOIN file ON file.owner = account.id AND file.status IN ('uploading', 'stored')
        GROUP BY account.id
        HAVING coalesce(sum(file.size), 0)
                <> (SELECT coalesce(sum(size), 0) FROM usage WHERE owner = account.id)
            OR count(file.number) <> (SELECT coalesce(sum(files), 0) FROM usage WHERE owner = account.id)
    """,
    "a message that offers a file has none": """
        SELECT account.name FROM message
        JOIN account ON account.id = message.sender
        LEFT JOIN file ON file.message = message.id
        WHERE message.kind = 2 AND file.number IS NULL
    """,
    "a file's recipients are not all known": """
        SELECT account.name FROM file
        JOIN account ON account.id = file.owner
        LEFT JOIN fetch ON fetch.file = file.number
        GROUP BY file.number
        HAVING count(fetch.account) <> file.offered
    """,
    "an account that others refer to is missing": """
        SELECT 'number ' || id FROM (
            SELECT owner AS id FROM inbox UNION SELECT owner FROM section
            UNION SELECT owner FROM conversation_item UNION SELECT peer FROM conversation_item WHERE peer <> 0
            UNION SELECT owner FROM conversation_mark UNION SELECT peer FROM conversation_mark WHERE peer <> 0
            UNION SELECT sender FROM message UNION SELECT account FROM device
            UNION SELECT owner FROM block UNION SELECT target FROM block
            UNION SELECT owner FROM file UNION SELECT account FROM fetch
        )
        WHERE id NOT IN (SELECT id FROM account)
    """,
    "someone fetches a file that is not there": """
        SELECT account.name FROM fetch
        JOIN account ON account.id = fetch.account
        LEFT JOIN file ON file.number = fetch.file
        WHERE file.number IS NULL
    """,
}


def check(path: Path) -> list[str]:
    """What is wrong with the database, a line each; empty when it is sound.

    One that is whole but of an older version is brought up to date. One that is not is left as it is.
    """
    with reading(path) as connection:
        faults = _faulty_pages(connection)
        current = recognise(connection, path) == len(migrations())
    if not faults and not current:
        open_database(path).close()
    with reading(path) as connection:
        try:
            for fault, query in _INVARIANTS.items():
                faults += [f"{fault} (user {name})" for (name,) in connection.execute(query)]
        except (apsw.Error, UnicodeDecodeError) as error:
            if not faults:  # else it is said already why the tables cannot be read
                faults.append(f"SQLite: {error}")
    return faults


def _faulty_pages(connection: apsw.Connection) -> list[str]:
    try:
        found = [text for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok"]
    except apsw.CorruptError as error:
        return [f"SQLite: {error}"]
    return [f"SQLite: {line}" for text in found for line in text.splitlines()]
