"""SQLite only: every question about files is answered from an index, however many there are."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnmessage_broker.store.ports.records import Clock
from cnmessage_broker.store.sqlite import queries
from cnmessage_broker.store.sqlite.store import SqliteStore
from tests.contract.conftest import Desk

QUESTIONS = [
    "file",
    "upload",
    "uploading",
    "file_usage",
    "complete_file",
    "facts",
    "fetch",
    "fetches",
    "set_fetch",
    "sent_files",
    "received_files",
    "end_file",
    "content_is_needed",
    "fresh_overdue_files",
    "fresh_overdue_uploads",
    "some_overdue_file",
    "some_overdue_upload",
    "files_in_time",
    "uploads_in_time",
    "shorten_files",
    "shorten_uploads",
    "overdue",
    "ended_files",
    "ended_uploads",
    "inbox_after",
    "find_message",
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "store.db", os.urandom)
    yield opened
    opened.close()


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_answered_by_searching_not_by_scanning(store: SqliteStore, name: str) -> None:
    statement = f"EXPLAIN QUERY PLAN {queries.load()[name]}"
    places = statement.count("?")
    values = [0] * places if places else dict.fromkeys(re.findall(r":(\w+)", statement))
    plan = [row[3] for row in store._db.connection.execute(statement, values)]
    assert plan
    assert not [step for step in plan if step.startswith("SCAN")], plan
    if name != "fetches":  # at most as many as one message has recipients
        assert not [step for step in plan if "TEMP B-TREE" in step], plan


@pytest.mark.parametrize("name", ["live_digests", "open_uploads"])
def test_what_a_start_asks_reads_only_the_files_that_live(store: SqliteStore, name: str) -> None:
    (step,) = [row[3] for row in store._db.connection.execute(f"EXPLAIN QUERY PLAN {queries.load()[name]}")]
    assert "USING" in step
    assert "INDEX file_" in step


def test_usage_is_two_rows_however_many_files_there_are(store: SqliteStore) -> None:
    desk = Desk(store)
    alice, bob = desk.accounts("alice", "bob")
    for _ in range(20):
        desk.upload(alice, bob)
    assert store.files.usage(alice.id).files == 20
    assert len(store._db.run("file_usage", (alice.id,))) == 1
    statement = f"EXPLAIN QUERY PLAN {queries.load()['file_usage']}"
    (step,) = [row[3] for row in store._db.connection.execute(statement, (1,))]
    assert step == "SEARCH usage USING PRIMARY KEY (owner=?)"


def test_when_no_file_is_past_due_nothing_is_written(store: SqliteStore) -> None:
    desk = Desk(store)
    row = desk.share(*desk.accounts("alice", "bob"), expires=50)
    before = store._db.connection.total_changes()
    store.files.age(Clock(49, 0), 60, 100, {})
    assert store._db.connection.total_changes() == before
    store.files.age(Clock(50, 0), 60, 100, {row.id: 100})
    assert store._db.connection.total_changes() > before


def test_where_ids_are_kept_grows_at_one_end_however_many_write(store: SqliteStore) -> None:
    """Pages that a commit among many senders writes are what it costs."""
    plan = store._db.connection.execute(
        f"EXPLAIN QUERY PLAN {queries.load()['find_message']}", (1, b"")
    ).fetchall()
    assert [row[3] for row in plan] == [
        "SEARCH message USING INDEX message_client (client_id=? AND sender=?)"
    ]
