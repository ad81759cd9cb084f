"""The checker that runs after every fault: what clients saw against what the database holds.

    I1  each acknowledged send is stored exactly once, as it was acknowledged
    I2  each entitled recipient has it exactly once, in the inbox and on the screen
    I3  nobody else has it
    I4  seq runs 1..head without gaps, every device shows one order, a sender's order is kept
    I5  a retried send keeps its id: what was handed over once is never stored under two
    I7  SQLite's own integrity check
    I8  no cursor and no mark above the head

I6 is about files and comes with them; I9 (caught up in time) is asserted by each test with its own deadline.
It reads the tables themselves, not through the broker's code, so that one mistake cannot hide another.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import apsw

from cnmessage_client import Message, Receipt


@dataclass(frozen=True, slots=True)
class Handed:
    """A message given to a client to send; bodies are unique in a run."""

    client_id: str
    to: tuple[str, ...]
    body: str


@dataclass(slots=True)
class Journal:
    """What one client did and saw. `complete`: it followed its stream to the end of the run."""

    user: str
    handed: list[Handed] = field(default_factory=list)
    acked: dict[str, Receipt] = field(default_factory=dict)
    shown: list[Message] = field(default_factory=list)
    complete: bool = True


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    sender: str
    client_id: str
    body: str
    own_seq: int


@dataclass(slots=True)
class _Stored:
    """The database, read once."""

    messages: list[_Row]
    inbox: dict[str, list[tuple[int, str]]]
    marks: dict[str, tuple[int, int, int]]
    faults: list[str]


def check(database: Path, journals: Sequence[Journal]) -> list[str]:
    """Every broken invariant, a line each; empty when all hold."""
    stored = _load(database)
    return [
        *stored.faults,
        *_numbering(stored),
        *_acknowledged(stored, journals),
        *_entitled(stored, journals),
        *_order(stored, journals),
        *_screens(stored, journals),
    ]


def _load(database: Path) -> _Stored:
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        told = [text for (text,) in connection.execute("PRAGMA integrity_check")]
        faults = [f"I7 SQLite: {text}" for text in told if text != "ok"]
        names = dict(connection.execute("SELECT id, name FROM account"))
        messages = [
            _Row(_text(identity), names[sender], _text(client_id), body, own_seq)
            for identity, sender, client_id, body, own_seq in connection.execute(
                "SELECT id, sender, client_id, body, own_seq FROM message ORDER BY id"
            )
        ]
        inbox: dict[str, list[tuple[int, str]]] = {name: [] for name in names.values()}
        for owner, seq, message in connection.execute(
            "SELECT owner, seq, message FROM inbox ORDER BY owner, seq"
        ):
            inbox[names[owner]].append((seq, _text(message)))
        marks = {
            name: (head, read, received)
            for name, head, read, received in connection.execute(
                "SELECT name, head, read_upto, received_upto FROM account"
            )
        }
    finally:
        connection.close()
    return _Stored(messages, inbox, marks, faults)


def _text(raw: bytes) -> str:
    return str(UUID(bytes=raw))


def _numbering(stored: _Stored) -> Iterator[str]:
    for user, items in stored.inbox.items():
        head, read, received = stored.marks[user]
        if [seq for seq, _ in items] != list(range(1, head + 1)):
            yield f"I4 {user}: the inbox is not numbered 1..{head}"
        if max(read, received) > head:
            yield f"I8 {user}: a mark lies above the head {head}"


def _acknowledged(stored: _Stored, journals: Sequence[Journal]) -> Iterator[str]:
    rows: dict[tuple[str, str], list[_Row]] = {}
    bodies: Counter[tuple[str, str]] = Counter()
    for row in stored.messages:
        rows.setdefault((row.sender, row.client_id), []).append(row)
        bodies[row.sender, row.body] += 1
    for journal in journals:
        for handed in journal.handed:
            found = rows.get((journal.user, handed.client_id), [])
            if bodies[journal.user, handed.body] > 1:
                yield f"I5 {journal.user}: '{handed.body}' is stored under more than one id"
            receipt = journal.acked.get(handed.client_id)
            if receipt is None:
                continue
            if len(found) != 1:
                yield f"I1 {journal.user}: acknowledged '{handed.body}' is stored {len(found)} times"
            elif (found[0].id, found[0].body, found[0].own_seq) != (receipt.id, handed.body, receipt.seq):
                yield f"I1 {journal.user}: '{handed.body}' is not stored as it was acknowledged"


def _entitled(stored: _Stored, journals: Sequence[Journal]) -> Iterator[str]:
    """Of every message in the run that is stored, acknowledged or not: who has it."""
    owners: dict[str, Counter[str]] = {}
    for user, items in stored.inbox.items():
        for _, message in items:
            owners.setdefault(message, Counter())[user] += 1
    handed = {(journal.user, each.client_id): each for journal in journals for each in journal.handed}
    for row in stored.messages:
        each = handed.get((row.sender, row.client_id))
        if each is None:
            yield f"I3 '{row.body}' of {row.sender} was never handed over"
            continue
        have = owners.get(row.id, Counter())
        for user in {*each.to, row.sender}:
            if have[user] != 1:
                yield f"I2 {user} has '{row.body}' {have[user]} times"
        for user in have.keys() - {*each.to, row.sender}:
            yield f"I3 {user} has '{row.body}', which is not theirs"


def _order(stored: _Stored, journals: Sequence[Journal]) -> Iterator[str]:
    """The order in which a client was given messages is their order in every inbox."""
    rows = {(row.sender, row.client_id): row.id for row in stored.messages}
    places = {user: {message: seq for seq, message in items} for user, items in stored.inbox.items()}
    for journal in journals:
        last: dict[str, int] = {}
        for each in journal.handed:
            identity = rows.get((journal.user, each.client_id), "")
            for user in each.to:
                seq = places[user].get(identity)
                if seq is None:
                    continue
                if seq < last.get(user, 0):
                    yield f"I4 {user} has '{each.body}' of {journal.user} out of order"
                last[user] = seq


def _screens(stored: _Stored, journals: Sequence[Journal]) -> Iterator[str]:
    for journal in journals:
        inbox = dict(stored.inbox[journal.user])
        shown = [message.seq for message in journal.shown]
        if shown != sorted(set(shown)):
            yield f"I4 {journal.user} was shown something twice or out of order"
        for identity, times in Counter(message.id for message in journal.shown).items():
            if times > 1:
                yield f"I2 {journal.user} was shown {identity} {times} times"
        for message in journal.shown:
            if message.seq > stored.marks[journal.user][0]:
                yield f"I8 {journal.user} was shown seq {message.seq}, above the head"
            elif inbox.get(message.seq) != message.id:
                yield f"I3 {journal.user} was shown at {message.seq} what the inbox does not hold there"
        if journal.complete and shown and set(inbox) - set(range(shown[0])) - set(shown):
            yield f"I2 {journal.user} was not shown all of the inbox"
