"""SQLite only: a message or a file that is not as it was stored is found by `check --deep`, and named."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_broker.files.blobs import content_path
from cnmessage_broker.maintenance.check import check
from cnmessage_broker.maintenance.deep_check import deep_check
from cnmessage_broker.store.sqlite import queries
from cnmessage_broker.store.sqlite.checksums import message_checksum
from cnmessage_broker.store.sqlite.migrate import APPLICATION_ID
from cnmessage_broker.store.sqlite.store import SqliteStore
from cnmessage_protocol.ids import id_text
from cnmessage_protocol.records import Kind
from tests.contract.conftest import Desk

CONTENT = os.urandom(3_000_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A stopped broker's database: messages of each kind, two files of the same content, one that ended."""
    made = tmp_path / "store.db"
    desk = Desk(SqliteStore(made, os.urandom))
    alice, bob, carol = desk.accounts("alice", "bob", "carol")
    desk.send(alice, bob, body="the first message")
    desk.send(alice, bob, carol, alice, body="é✓ a second one with a needle in it")
    desk.send(bob, alice, carol, kind=Kind.BROADCAST, body="x" * 60_000)
    desk.commit(desk.write(bob, alice, body="withheld", blockers=[alice]))
    sha256 = hashlib.sha256(CONTENT).digest()
    for _ in range(2):
        desk.share(carol, bob, sha256=sha256, size=len(CONTENT), note="take it")
    desk.upload(carol, bob)
    place = content_path(files_of(made), sha256)
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    desk.store.close()
    return made


def files_of(path: Path) -> Path:
    return path.with_name("files")


def deep(path: Path) -> list[str]:
    return list(deep_check(path, files_of(path), lambda _: None))


def edit(path: Path, statement: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    assert connection.changes() > 0
    connection.close()


def second() -> str:
    """The second message's id."""
    return id_text((2).to_bytes(16, "big"))


def test_what_was_stored_as_it_was_sent_is_sound(path: Path) -> None:
    assert check(path) == []
    assert deep(path) == []


def test_one_byte_of_a_body_that_became_another_is_found_and_named(path: Path) -> None:
    content = path.read_bytes()
    assert content.count(b"needle") == 1
    path.write_bytes(content.replace(b"needle", b"noodle"))
    assert check(path) == []  # SQLite and the invariants see nothing
    assert deep(path) == [f"message {second()} is damaged (user alice)"]


@pytest.mark.parametrize(
    "change",
    [
        "sender = 2",
        "client_id = randomblob(16)",
        "kind = 1",
        "recipients = 'bob carol'",
        "recipients = 'bob carol alice '",
        "body = body || ' '",
        "body = ''",
        "body = CAST(x'ff' AS TEXT)",
        "sent_at = sent_at + 1",
        "own_seq = own_seq + 1",
        "places = CAST(places || places AS BLOB)",
        "places = x''",
        "places = x'00'",
        "checksum = checksum - 1",
        "checksum = 0",
        "checksum = -1",
        "sender = 99",
        # the same bytes in a row, at another border
        "recipients = recipients || substr(body, 1, 1), body = substr(body, 2)",
    ],
)
def test_each_column_of_a_message_is_under_the_checksum(path: Path, change: str) -> None:
    edit(path, f"UPDATE message SET {change} WHERE body LIKE '%needle%'")  # noqa: S608 - a test's own words
    (fault,) = deep(path)
    assert fault.startswith(f"message {second()} is damaged (user ")


def test_another_id_is_found(path: Path) -> None:
    other = b"o" * 16
    edit(path, "UPDATE message SET id = CAST('oooooooooooooooo' AS BLOB) WHERE body LIKE '%needle%'")
    assert deep(path) == [f"message {id_text(other)} is damaged (user alice)"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE inbox SET direction = 1 WHERE owner = 2 AND seq = 2",
        "UPDATE inbox SET direction = 0 WHERE owner = 2 AND seq = 3",
        "UPDATE inbox SET seq = 99 WHERE owner = 2 AND seq = 2",
        "UPDATE inbox SET message = x'00' WHERE owner = 1 AND seq = 2",
        "DELETE FROM inbox WHERE owner = 3 AND seq = 1",
    ],
)
def test_an_inbox_that_does_not_have_what_was_put_in_it_is_found(path: Path, change: str) -> None:
    edit(path, change)
    (fault,) = deep(path)
    assert "is not where it was delivered (user " in fault


def test_damaged_and_missing_contents_are_found_for_each_file_that_has_them(path: Path) -> None:
    place = content_path(files_of(path), hashlib.sha256(CONTENT).digest())
    damage = {
        "is damaged": [CONTENT[:-1] + b"?", CONTENT[:-1], CONTENT + b"?", b"", CONTENT[1:] + CONTENT[:1]],
    }
    for content in damage["is damaged"]:
        place.write_bytes(content)
        faults = deep(path)
        assert [("is damaged" in fault, "(user carol)" in fault) for fault in faults] == [(True, True)] * 2
        assert len({fault.split()[4] for fault in faults}) == 2  # each by its own id
    place.unlink()
    assert all("is missing" in fault and str(place) in fault for fault in deep(path))
    place.mkdir()
    assert all("cannot be read" in fault for fault in deep(path))
    edit(path, "UPDATE file SET status = 'withdrawn' WHERE status = 'stored'")
    assert deep(path) == []  # nobody needs it


def test_a_deep_check_goes_on_after_a_fault_and_says_how_far_it_is(path: Path) -> None:
    desk = Desk(SqliteStore(path, os.urandom), first=1000)
    alice, bob = (desk.store.account_by_name(name) for name in ("alice", "bob"))
    assert alice is not None
    assert bob is not None
    desk.commit(*[desk.write(alice, bob) for _ in range(2500)])
    desk.store.close()
    edit(path, "UPDATE message SET body = 'forged' WHERE sender = 1")
    said: list[str] = []
    faults = list(deep_check(path, files_of(path), said.append))
    assert len(faults) == len(set(faults)) == 2502
    assert said[:2] == ["message 1000 of 2506", "message 2000 of 2506"]
    assert said[2] == "item 1 of 2503 of user alice"
    assert any(each.startswith("byte 1048576 of 3000000 of file content ") for each in said)


def test_a_page_that_cannot_be_read_ends_a_deep_check_with_a_fault(path: Path) -> None:
    connection = apsw.Connection(str(path))
    ((root,),) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'message'")
    connection.close()
    content = bytearray(path.read_bytes())
    content[(root - 1) * 4096 : root * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    assert any(fault.startswith("SQLite: ") for fault in deep(path))


# -- rows from before there were checksums ---------------------------------------------------------


def old_database(path: Path, rows: list[tuple[object, ...]]) -> None:
    connection = apsw.Connection(str(path))
    for script in queries.migrations()[:2]:
        connection.execute(script)
    connection.execute(f"PRAGMA user_version = 2; PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(
        "INSERT INTO account (id, name, password, created, head) VALUES (1, 'alice', '', 1, ?)", (len(rows),)
    )
    connection.executemany("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.execute("INSERT INTO inbox SELECT 1, own_seq, id, 0 FROM message")
    connection.close()


def test_messages_of_an_older_version_get_their_checksums_at_the_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    place = (1).to_bytes(8, "little")
    texts = ["", "a", "é✓", "with\0a zero", "x" * 70_000]
    rows: list[tuple[object, ...]] = [
        (
            seq.to_bytes(16, "big"),
            1,
            seq.to_bytes(16, "big"),
            0,
            "alice",
            text,
            7,
            seq,
            place + seq.to_bytes(8, "little"),
        )
        for seq, text in enumerate(texts, start=1)
    ]
    old_database(path, rows)
    assert check(path) == []  # which upgrades it
    assert deep(path) == []
    assert path.with_name("store.db.v2.bak").exists()
    store = SqliteStore(path, os.urandom)
    assert [item.body for item in store.inbox_after(1, 0, 99, 1 << 20)] == texts
    store.close()


def test_a_body_that_was_no_text_already_is_upgraded_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    old_database(
        path, [(b"1" * 16, 1, b"1" * 16, 0, "alice", "body", 7, 1, b"\1" + bytes(7) + b"\1" + bytes(7))]
    )
    edit(path, "UPDATE message SET body = CAST(x'ff' AS TEXT)")
    SqliteStore(path, os.urandom).close()
    assert deep(path) == []  # it says that the row is as it was at the upgrade, no more


# -- the sum itself --------------------------------------------------------------------------------

BYTES = st.binary(max_size=6)
NUMBER = st.integers(-(1 << 63), (1 << 63) - 1)
ROW = st.tuples(BYTES, NUMBER, BYTES, NUMBER, BYTES, BYTES, NUMBER, NUMBER, BYTES)


def encodings() -> Iterator[bytes]:
    """Rows that hold the same bytes in a row, each divided in another way."""
    text = b"abcd"
    for first in range(5):
        for then in range(first, 5):
            yield message_checksum(
                text[:first], 1, text[first:then], 0, text[then:], b"", 0, 0, b""
            ).to_bytes(4, "big")


def test_the_same_bytes_divided_otherwise_have_another_sum() -> None:
    found = list(encodings())
    assert len(set(found)) == len(found) == 15


@given(ROW, st.data())
def test_any_single_changed_bit_changes_the_sum(row: tuple[bytes | int, ...], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(row) - 1))
    value = row[place]
    if isinstance(value, int):
        bit = data.draw(st.integers(0, 62))
        changed: bytes | int = value ^ (1 << bit)
    elif value:
        bit = data.draw(st.integers(0, len(value) * 8 - 1))
        changed = (int.from_bytes(value, "big") ^ (1 << bit)).to_bytes(len(value), "big")
    else:
        changed = b"\0"
    other = (*row[:place], changed, *row[place + 1 :])
    assert message_checksum(*row) != message_checksum(*other)  # type: ignore[arg-type]


def test_the_sum_is_a_crc_32_that_other_tools_can_compute() -> None:
    row = (b"i", 1, b"c", 2, b"to", b"body", 3, 4, b"pp")
    numbers = b"".join(each.to_bytes(8, "little") for each in (1, 2, 3, 4))
    lengths = b"".join(each.to_bytes(4, "little") for each in (1, 1, 2, 4, 2))
    assert message_checksum(*row) == crc32(numbers + lengths + b"i" + b"c" + b"to" + b"body" + b"pp")
