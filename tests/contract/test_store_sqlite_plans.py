"""SQLite only: every question about files is answered from an index, however many there are."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnmessage_broker.store import queries
from cnmessage_broker.store.sqlite import SqliteStore

QUESTIONS = [
    "file",
    "upload",
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
    "expired_files",
    "stale_uploads",
    "inbox_after",
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
    values = [0] * places if places else dict.fromkeys(("id", "owner", "sha256", "message", "seq", "offered"))
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
