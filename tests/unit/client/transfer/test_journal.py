"""Unfinished uploads: the same call finds its id again, another one never does."""

import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from cnmessage_client.transfer.journal import KEEP, Journal, Undertaking

WHAT = Undertaking("alice", "127.0.0.1:12416", "/home/alice/a.txt", 5, 1, "a.txt", ("bob",), "")
OTHERS = [
    replace(WHAT, user="carol"),
    replace(WHAT, broker="127.0.0.1:1"),
    replace(WHAT, path="/home/alice/b.txt"),
    replace(WHAT, size=6),
    replace(WHAT, mtime_ns=2),
    replace(WHAT, name="b.txt"),
    replace(WHAT, to=("bob", "carol")),
    replace(WHAT, note="look"),
    replace(WHAT, expires=3600),
]


def test_the_same_upload_goes_on_under_its_id(tmp_path: Path) -> None:
    first = Journal(tmp_path / "uploads").claim(WHAT)
    assert not first.resumed
    first.close()
    second = Journal(tmp_path / "uploads").claim(WHAT)
    assert second.resumed
    assert second.client_id == first.client_id
    second.forget()
    second.close()
    third = Journal(tmp_path / "uploads").claim(WHAT)
    assert not third.resumed
    assert third.client_id != first.client_id
    third.close()


@pytest.mark.parametrize("other", OTHERS)
def test_any_difference_makes_another_upload(tmp_path: Path, other: Undertaking) -> None:
    journal = Journal(tmp_path)
    first, second = journal.claim(WHAT), journal.claim(other)
    assert first.client_id != second.client_id
    first.close()
    second.close()


def test_an_upload_that_runs_keeps_its_id_to_itself(tmp_path: Path) -> None:
    running, same = Journal(tmp_path).claim(WHAT), Journal(tmp_path).claim(WHAT)
    assert not same.resumed
    assert same.client_id != running.client_id
    same.forget()  # must not take away what the other one needs
    same.close()
    running.close()
    later = Journal(tmp_path).claim(WHAT)
    assert later.client_id == running.client_id
    later.close()


def test_what_one_call_names_twice_is_two_uploads_though_the_first_is_over(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    first = journal.claim(WHAT)
    first.close()
    second = journal.claim(WHAT)
    assert not second.resumed
    assert second.client_id != first.client_id
    second.forget()
    second.close()
    first.forget()
    assert names(tmp_path) == []


def test_an_id_the_broker_does_not_take_any_more_is_replaced(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    entry = journal.claim(WHAT)
    entry.renew()
    entry.close()
    later = Journal(tmp_path).claim(WHAT)
    assert later.resumed
    assert later.client_id == entry.client_id
    later.close()


def test_old_entries_are_forgotten(tmp_path: Path) -> None:
    Journal(tmp_path).claim(WHAT).close()
    Journal(tmp_path, clock=lambda: time.time() + KEEP + 60).claim(OTHERS[0]).close()
    assert names(tmp_path) == [OTHERS[0].digest]


def test_a_disk_that_takes_no_entry_stops_no_upload(tmp_path: Path) -> None:
    (tmp_path / "uploads").write_text("a file where a directory belongs")
    entry = Journal(tmp_path / "uploads").claim(WHAT)
    assert not entry.resumed
    entry.renew()
    entry.forget()
    entry.close()


def names(directory: Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())
