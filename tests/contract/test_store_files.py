"""Every store: files. Uploads, what completes them, who may fetch and how far they are, how a file ends."""

from dataclasses import replace
from typing import Any

import pytest

from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.records import (
    Account,
    Clock,
    Conflict,
    FetchRow,
    FetchStatus,
    FileRow,
    FileStatus,
    Query,
    Stored,
    Usage,
)
from cnmessage_protocol.conversation import Direct
from cnmessage_protocol.ids import ClientId, FileId
from cnmessage_protocol.records import Direction, FileFacts, Kind
from tests.contract.conftest import Desk, stored

DIGEST = b"d" * 32
OTHER = b"e" * 32
UNKNOWN = FileId(b"?" * 16)


def states(store: Store, row: FileRow) -> list[tuple[str, str, int]]:
    """Everyone the file was addressed to, with how far they are."""
    return [(each.name, str(each.status), each.offset) for each in store.files.fetches(row.id)]


def sent(store: Store, owner: Account, before: int | None = None, limit: int = 99) -> list[FileId]:
    return [row.id for row, _ in store.files.sent(owner.id, before, limit, 1 << 20).files]


def received(store: Store, account: Account, before: int | None = None, limit: int = 99) -> list[FileId]:
    return [row.id for row, _ in store.files.received(account.id, before, limit, 1 << 20).files]


# -- uploads ---------------------------------------------------------------------------------------


def test_an_upload_is_found_by_its_id_and_by_its_owners_id_for_it(store: Store, desk: Desk) -> None:
    alice, bob, carol = desk.accounts("alice", "bob", "carol")
    row = desk.upload(alice, bob, carol, name="é ✓.txt", size=7, note="two\nlines", created=5, expires=9)
    assert (row.owner, row.owner_name, row.to) == (alice.id, "alice", ("bob", "carol"))
    assert (row.name, row.size, row.note, row.created, row.expires) == ("é ✓.txt", 7, "two\nlines", 5, 9)
    assert (row.status, row.sha256, row.message, row.seq, row.recipients) == ("uploading", None, None, 0, 0)
    assert store.files.find(row.id) == store.files.upload(alice.id, row.client_id) == row
    assert store.files.find(UNKNOWN) is None
    assert store.files.upload(bob.id, row.client_id) is None


def test_an_upload_that_is_known_stays_as_it_is(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    first = desk.upload(alice, bob)
    assert desk.upload(alice, alice, name="other", size=1, client_id=first.client_id) == first
    shared = desk.share(alice, bob)
    assert desk.upload(alice, bob, client_id=shared.client_id) == shared
    another = desk.upload(bob, alice, client_id=first.client_id)
    assert another.owner == bob.id  # a client id belongs to its owner alone
    assert another.order > shared.order > first.order


def test_an_upload_is_nobodys_to_fetch_and_no_message(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    row = desk.upload(alice, bob)
    assert not store.files.may_fetch(row.id, bob.id)
    assert states(store, row) == []
    assert received(store, bob) == []
    assert sent(store, alice) == [row.id]
    assert store.marks(alice.id).head == store.marks(bob.id).head == 0
    assert store.files.set_fetch(row.id, bob.id, FetchStatus.FETCHING, 1, 1) is None


def test_usage_counts_what_is_uploading_or_stored_and_apart_what_is_past_due(
    store: Store, desk: Desk
) -> None:
    alice, bob = desk.accounts("alice", "bob")
    assert store.files.usage(alice.id) == Usage(0, 0, 0, 0)
    upload, shared = desk.upload(alice, bob, size=5), desk.share(alice, bob, size=70)
    again = desk.share(alice, bob, size=70)  # the same content counts again: it could be withdrawn alone
    desk.share(alice, bob, size=0)
    desk.upload(bob, alice, size=1000)
    assert store.files.usage(alice.id) == Usage(145, 4, 0, 0)
    late = desk.share(alice, bob, size=1, expires=50)
    desk.upload(alice, bob, size=2, expires=50)  # it takes room until it ends, however long that lasts
    assert store.files.usage(alice.id) == Usage(148, 6, 0, 0)
    store.files.age(Clock(50, 2000), 0, 100, {late.id: 9, upload.id: 9})
    assert store.files.usage(alice.id) == Usage(147, 5, 1, 1)
    store.files.age(Clock(49, 0), 0, 100, {})
    assert store.files.usage(alice.id) == Usage(148, 6, 0, 0)
    store.files.age(Clock(50, 2000), 0, 100, {late.id: 9})
    store.files.end(shared.id, FileStatus.WITHDRAWN)
    assert store.files.usage(alice.id) == Usage(77, 4, 1, 1)
    store.files.end(upload.id, FileStatus.EXPIRED)
    store.files.end(again.id, FileStatus.EXPIRED)
    store.files.end(late.id, FileStatus.EXPIRED)
    assert store.files.usage(alice.id) == Usage(2, 2, 0, 0)
    huge = 1 << 61
    desk.upload(bob, alice, size=huge)
    assert store.files.usage(bob.id) == Usage(1000 + huge, 2, 0, 0)


# -- complete --------------------------------------------------------------------------------------


def test_the_message_of_a_file_makes_it_stored_and_offers_it(store: Store, desk: Desk) -> None:
    alice, bob, carol = desk.accounts("alice", "bob", "carol")
    desk.send(alice, bob)
    row = desk.upload(alice, carol, bob, note="look")
    new = desk.offer(row)
    (outcome,) = desk.commit(new)
    assert outcome == Stored(new.id, 2, ((carol.id, 1), (bob.id, 2)), fresh=True)
    assert desk.file(row) == replace(
        row, status=FileStatus.STORED, sha256=DIGEST, message=new.id, seq=2, recipients=2
    )
    assert states(store, row) == [("carol", "offered", 0), ("bob", "offered", 0)]
    assert [store.files.may_fetch(row.id, each.id) for each in (alice, bob, carol)] == [False, True, True]


def test_an_item_of_kind_file_tells_what_the_file_is_wherever_it_is_read(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    desk.send(alice, bob, body="before")
    row = desk.share(alice, bob, name="plan.txt", size=7)
    desk.send(alice, bob, body="after")
    facts = FileFacts(row.id, "plan.txt", 7, DIGEST)
    for owner, direction in ((bob, Direction.RECEIVED), (alice, Direction.SENT)):
        before, item, after = store.inbox_after(owner.id, 0, 9, 9999)
        assert (item.kind, item.direction, item.body, item.file) == (Kind.FILE, direction, "", facts)
        assert before.file is after.file is None
        assert list(store.history(owner.id, Query(9, received_only=False)).items) == [before, item, after]
    assert store.history(bob.id, Query(9, conversation=Direct(alice.name))).items[1].file == facts


@pytest.mark.parametrize(
    ("fields", "extras"),
    [
        ({}, {}),
        ({"mtime": 0}, {"mtime": 0}),
        ({"executable": True}, {"executable": True}),
        ({"mtime": 1_700_000_000_123, "executable": True}, {"mtime": 1_700_000_000_123, "executable": True}),
    ],
)
def test_what_a_file_was_on_its_senders_disk_is_kept_and_told(
    store: Store, desk: Desk, fields: dict[str, Any], extras: dict[str, Any]
) -> None:
    alice, bob = desk.accounts("alice", "bob")
    row = desk.share(alice, bob, **fields)
    desk.send(alice, bob, body="after")
    assert (row.mtime, row.executable) == (fields.get("mtime"), fields.get("executable", False))
    for owner in (alice, bob):
        item, after = store.inbox_after(owner.id, 0, 9, 9999)
        assert (item.extras, after.extras) == (extras, {})
        assert list(store.history(owner.id, Query(9, received_only=False)).items) == [item, after]


def test_a_page_counts_what_an_item_tells_of_its_file(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    desk.share(alice, bob)
    desk.share(alice, bob)
    (first, second) = store.inbox_after(bob.id, 0, 9, 9999)
    assert len(store.inbox_after(bob.id, 0, 9, first.size + second.size - 1)) == 1


def test_a_file_for_oneself_is_ones_own_to_fetch(store: Store, desk: Desk) -> None:
    alice = desk.account("alice")
    row = desk.share(alice, alice)
    assert (row.seq, row.recipients) == (1, 1)
    assert store.files.may_fetch(row.id, alice.id)
    assert sent(store, alice) == received(store, alice) == [row.id]


@pytest.mark.parametrize("together", [True, False], ids=["in one group", "in two groups"])
def test_completing_a_file_again_gives_the_first_answer_and_changes_nothing(
    store: Store, desk: Desk, *, together: bool
) -> None:
    alice, bob = desk.accounts("alice", "bob")
    row = desk.upload(alice, bob)
    first, again = desk.offer(row), desk.offer(row)
    groups = [[first, again]] if together else [[first], [again]]
    outcomes = [stored(outcome) for group in groups for outcome in desk.commit(*group)]
    assert [(each.id, each.seq, each.fresh) for each in outcomes] == [
        (first.id, 1, True),
        (first.id, 1, False),
    ]
    assert desk.file(row).message == first.id
    assert states(store, row) == [("bob", "offered", 0)]
    assert store.marks(bob.id).head == 1


def test_a_file_completes_beside_a_repeated_message(store: Store, desk: Desk) -> None:
    # A group with a repetition in it is stored in another way than one without.
    alice, bob = desk.accounts("alice", "bob")
    repeated = desk.write(alice, bob)
    desk.commit(repeated)
    row = desk.upload(alice, bob)
    outcomes = desk.commit(repeated, desk.offer(row))
    assert [stored(each).fresh for each in outcomes] == [False, True]
    assert (desk.file(row).status, desk.file(row).seq) == (FileStatus.STORED, 2)
    assert store.files.may_fetch(row.id, bob.id)


def test_an_upload_whose_client_id_is_another_messages_is_not_completed(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    message = desk.write(alice, bob)
    desk.commit(message)
    row = desk.upload(alice, bob, client_id=message.client_id)
    assert desk.commit(desk.offer(row)) == [Conflict.CLIENT_ID]
    assert desk.file(row) == row
    assert states(store, row) == []


def test_an_id_under_which_an_upload_goes_on_is_no_messages_until_it_was_given_up(
    store: Store, desk: Desk
) -> None:
    alice, bob = desk.accounts("alice", "bob")
    row = desk.upload(alice, bob)
    other = desk.upload(alice, bob)
    message = desk.write(alice, bob, client_id=row.client_id)
    assert not store.has_message(alice.id, row.client_id)
    taken, fresh, another = desk.commit(message, desk.write(alice, bob), desk.offer(other))
    assert (taken, stored(fresh).fresh, stored(another).fresh) == (Conflict.CLIENT_ID, True, True)
    assert stored(desk.commit(desk.write(bob, alice, client_id=row.client_id))[0]).fresh
    assert not store.has_message(alice.id, row.client_id)
    assert store.has_message(alice.id, other.client_id)
    assert store.has_message(bob.id, row.client_id)
    assert stored(desk.commit(desk.offer(row))[0]).fresh
    assert desk.commit(message) == [Conflict.CLIENT_ID]
    gone = desk.upload(alice, bob)
    store.files.end(gone.id, FileStatus.WITHDRAWN)
    assert stored(desk.commit(desk.write(alice, bob, client_id=gone.client_id))[0]).fresh


def test_who_blocks_the_sender_has_no_right_and_the_sender_cannot_tell(store: Store, desk: Desk) -> None:
    alice, bob, carol = desk.accounts("alice", "bob", "carol")
    row = desk.share(alice, bob, carol, blockers=[bob])
    assert row.recipients == 2
    assert states(store, row) == [("bob", "offered", 0), ("carol", "offered", 0)]
    assert not store.files.may_fetch(row.id, bob.id)
    assert received(store, bob) == []
    assert store.files.set_fetch(row.id, bob.id, FetchStatus.DONE, 100, 1) is None
    assert states(store, row)[0] == ("bob", "offered", 0)


def test_a_file_that_was_given_up_before_its_message_stays_given_up(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    row = desk.upload(alice, bob)
    new = desk.offer(row)
    assert store.files.end(row.id, FileStatus.WITHDRAWN) is None
    desk.commit(new)
    assert (desk.file(row).status, desk.file(row).message) == (FileStatus.WITHDRAWN, new.id)
    (item,) = store.inbox_after(bob.id, 0, 9, 999)
    assert item.file == new.file  # every item of kind file tells of one
    assert set(store.files.live_digests()) == set()


# -- fetches ---------------------------------------------------------------------------------------


def test_a_fetch_goes_on_fails_begins_anew_and_is_done_for_good(store: Store, desk: Desk) -> None:
    alice, bob, carol = desk.accounts("alice", "bob", "carol")
    row = desk.share(alice, bob, carol)
    steps = [("fetching", 10), ("fetching", 60), ("failed", 0), ("fetching", 20), ("done", 100)]
    for status, offset in steps:
        wanted = FetchRow(bob.id, bob.name, FetchStatus(status), offset)
        assert store.files.set_fetch(row.id, bob.id, wanted.status, offset, 9) == wanted
        assert store.files.received(bob.id, None, 9, 999).files == [(row, [wanted])]
        assert states(store, row) == [("bob", status, offset), ("carol", "offered", 0)]
    done = FetchRow(bob.id, bob.name, FetchStatus.DONE, 100)
    for status, offset in steps:
        assert store.files.set_fetch(row.id, bob.id, FetchStatus(status), offset, 10) == done
    assert states(store, row)[0] == ("bob", "done", 100)


def test_who_was_not_offered_a_file_has_no_place_in_it(store: Store, desk: Desk) -> None:
    alice, bob, carol = desk.accounts("alice", "bob", "carol")
    row = desk.share(alice, bob)
    for account in (alice, carol):
        assert store.files.set_fetch(row.id, account.id, FetchStatus.FETCHING, 1, 1) is None
        assert not store.files.may_fetch(row.id, account.id)
    assert store.files.set_fetch(UNKNOWN, bob.id, FetchStatus.FETCHING, 1, 1) is None
    assert not store.files.may_fetch(UNKNOWN, bob.id)
    assert list(store.files.fetches(UNKNOWN)) == []
    assert states(store, row) == [("bob", "offered", 0)]


def test_files_are_listed_in_pages_the_latest_first(store: Store, desk: Desk) -> None:
    alice, bob, carol = desk.accounts("alice", "bob", "carol")
    rows = [desk.share(alice, bob) for _ in range(5)]
    desk.share(alice, carol)
    desk.share(bob, alice)
    latest = [row.id for row in reversed(rows)]
    assert received(store, bob) == latest
    assert received(store, bob, limit=2) == latest[:2]
    assert received(store, bob, before=rows[3].order, limit=2) == latest[2:4]
    assert received(store, bob, before=rows[0].order) == []
    assert sent(store, alice)[1:] == latest
    assert sent(store, alice, before=rows[3].order, limit=2) == latest[2:4]
    assert received(store, alice) == sent(store, bob)


# -- the end ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [FileStatus.WITHDRAWN, FileStatus.EXPIRED])
def test_the_end_of_a_file_leaves_history_and_lists_as_they_were(
    store: Store, desk: Desk, status: FileStatus
) -> None:
    alice, bob = desk.accounts("alice", "bob")
    row = desk.share(alice, bob)
    before = list(store.inbox_after(bob.id, 0, 9, 999))
    assert store.files.end(row.id, status) == DIGEST
    assert desk.file(row) == replace(row, status=status)
    assert list(store.inbox_after(bob.id, 0, 9, 999)) == before
    assert store.files.may_fetch(row.id, bob.id)  # who had the right is told what became of it
    assert sent(store, alice) == received(store, bob) == [row.id]
    for late in (FileStatus.WITHDRAWN, FileStatus.EXPIRED):
        assert store.files.end(row.id, late) is None
        assert desk.file(row).status is status
    assert store.files.end(UNKNOWN, status) is None


def test_a_content_is_needed_until_the_last_file_with_it_has_ended(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    first, second = desk.share(alice, bob), desk.share(bob, alice)
    other = desk.share(alice, bob, sha256=OTHER)
    assert set(store.files.live_digests()) == {DIGEST, OTHER}
    assert store.files.end(first.id, FileStatus.WITHDRAWN) is None
    assert store.files.end(other.id, FileStatus.WITHDRAWN) == OTHER
    assert set(store.files.live_digests()) == {DIGEST}
    assert [store.files.needs_content(each) for each in (DIGEST, OTHER, b"?" * 32)] == [True, False, False]
    assert store.files.end(second.id, FileStatus.EXPIRED) == DIGEST
    assert set(store.files.live_digests()) == set()
    third = desk.share(alice, bob)  # and it may come again
    assert store.files.end(third.id, FileStatus.WITHDRAWN) == DIGEST


def test_uploads_are_open_until_they_complete_or_end(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    one, two, three = (desk.upload(alice, bob) for _ in range(3))
    assert set(store.files.open_uploads()) == {one.id, two.id, three.id}
    desk.commit(desk.offer(one))
    store.files.end(two.id, FileStatus.EXPIRED)
    assert list(store.files.open_uploads()) == [three.id]


def test_a_client_id_may_be_used_by_a_message_of_another_sender(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    row = desk.share(alice, bob, client_id=b"c" * 16)
    (outcome,) = desk.commit(desk.write(bob, alice, client_id=b"c" * 16))
    assert stored(outcome).fresh
    assert store.files.upload(bob.id, ClientId(b"c" * 16)) is None
    assert desk.file(row) == row
