"""Looking after a database file: check its invariants, copy it while a broker runs."""

from pathlib import Path

import apsw

from cnmessage_broker.store.incarnation import mark_as_copy
from cnmessage_broker.store.migrate import UnusableDatabaseError, backup, open_database

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
    "someone fetches a file that is not there": """
        SELECT account.name FROM fetch
        JOIN account ON account.id = fetch.account
        LEFT JOIN file ON file.number = fetch.file
        WHERE file.number IS NULL
    """,
}


def check(path: Path) -> list[str]:
    """What is wrong with the database, a line each; empty when it is sound."""
    if not path.exists():
        raise UnusableDatabaseError(f"there is no database {path}")
    connection = open_database(path)
    faults: list[str] = []
    try:
        for (text,) in connection.execute("PRAGMA integrity_check"):
            faults += [] if text == "ok" else [f"SQLite: {text}"]
        for fault, query in _INVARIANTS.items():
            faults += [f"{fault} (user {name})" for (name,) in connection.execute(query)]
    except apsw.CorruptError as error:
        faults.append(f"SQLite: {error}")
    finally:
        connection.close()
    return faults


def back_up(source: Path, target: Path) -> None:
    """A consistent copy; whoever starts on it later gets a new epoch, so that clients resync."""
    if not source.exists():
        raise UnusableDatabaseError(f"there is no database {source}")
    connection = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        target.touch(mode=0o600, exist_ok=False)
        backup(connection, target)
    except apsw.Error as error:
        raise UnusableDatabaseError(f"{source} cannot be copied: {error}") from error
    except OSError as error:
        raise UnusableDatabaseError(f"cannot write {target}: {error.strerror}") from error
    finally:
        connection.close()
    copy = apsw.Connection(str(target))
    try:
        mark_as_copy(copy)
    finally:
        copy.close()
