"""Every store: files that are past due, the grace they have by running time, and what may end."""

from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.records import Clock, FileStatus
from cnmessage_protocol.ids import FileId
from tests.contract.conftest import Desk


def fresh(store: Store, now: int, uploads_before: int, limit: int = 9) -> list[FileId]:
    """What is past due and has no grace yet."""
    return [row.id for row in store.files.newly_overdue(Clock(now, uploads_before), limit)]


def due(store: Store, now: int, uploads_before: int, limit: int = 9) -> list[FileId]:
    """What may end."""
    return [row.id for row in store.files.due(Clock(now, uploads_before), limit)]


def test_what_is_newly_overdue_comes_the_longest_overdue_first(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    late = desk.share(alice, bob, expires=50)
    later, never = desk.share(alice, bob, expires=60), desk.share(alice, bob)
    early = desk.share(alice, bob, expires=40)
    young, stale = desk.upload(alice, bob, created=30), desk.upload(alice, bob, created=29, expires=1)
    desk.upload(alice, bob, created=31, expires=1)  # an upload does not expire, it grows stale

    assert fresh(store, 39, 29) == []
    assert fresh(store, 50, 30) == [early.id, late.id, stale.id]
    assert fresh(store, 50, 30, limit=2) == [early.id, late.id]
    assert fresh(store, 60, 31) == [early.id, late.id, later.id, stale.id, young.id]
    store.files.end(early.id, FileStatus.EXPIRED)
    store.files.age(Clock(50, 30), 0, 100, {stale.id: 10})
    assert fresh(store, 50, 30) == [late.id]
    assert never.id not in fresh(store, 1 << 60, 0)
    assert due(store, 1 << 60, 1 << 60) == [], "none has had its grace"


def test_what_is_past_due_ends_after_its_grace_of_running_time(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    file, other = desk.share(alice, bob, expires=50), desk.share(alice, bob, expires=40)
    upload, clock = desk.upload(alice, bob, created=5), Clock(50, 6)
    store.files.age(clock, 1000, 100, {})
    store.files.age(clock, 1000, 100, {file.id: 100, upload.id: 90})
    assert due(store, 50, 6) == [], "what ran before does not count"
    store.files.age(clock, 89, 100, {other.id: 11})
    assert due(store, 50, 6) == []
    store.files.age(clock, 11, 100, {})
    assert due(store, 50, 6) == [other.id, file.id, upload.id]
    assert due(store, 50, 6, limit=1) == [other.id]
    store.files.end(other.id, FileStatus.EXPIRED)
    assert due(store, 50, 6) == [file.id, upload.id]


def test_what_is_in_time_again_does_not_end_and_has_a_whole_grace_the_next_time(
    store: Store, desk: Desk
) -> None:
    alice, bob = desk.accounts("alice", "bob")
    file, upload = desk.share(alice, bob, expires=50), desk.upload(alice, bob, created=5)
    store.files.age(Clock(50, 6), 0, 100, {file.id: 100, upload.id: 100})
    store.files.age(Clock(50, 6), 100, 100, {})
    assert due(store, 49, 5) == [], "the clock was put right"
    assert due(store, 50, 6) == [file.id, upload.id]
    store.files.age(Clock(49, 5), 1, 100, {})
    assert due(store, 50, 6) == []
    assert fresh(store, 50, 6) == [file.id, upload.id]
    store.files.age(Clock(50, 6), 1000, 100, {file.id: 100, upload.id: 100})
    store.files.age(Clock(50, 6), 99, 100, {})
    assert due(store, 50, 6) == []


def test_a_shorter_grace_holds_for_what_has_a_longer_one(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    file, upload = desk.share(alice, bob, expires=50), desk.upload(alice, bob, created=5)
    store.files.age(Clock(50, 6), 0, 100, {file.id: 100, upload.id: 100})
    store.files.age(Clock(50, 6), 1, 10, {})
    assert due(store, 50, 6) == []
    store.files.age(Clock(50, 6), 10, 10, {})
    assert due(store, 50, 6) == [file.id, upload.id]


def test_an_upload_that_completes_past_due_has_no_grace_from_before(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    row = desk.upload(alice, bob, created=5, expires=50)
    store.files.age(Clock(6, 6), 0, 100, {row.id: 0})
    desk.commit(desk.offer(row))
    assert due(store, 50, 6) == []
    assert fresh(store, 50, 6) == [row.id]
