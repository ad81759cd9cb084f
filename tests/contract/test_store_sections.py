"""SQLite only: what finds items in a large inbox.

It agrees with the inbox, however that has grown; a database from before there was such a thing gets it; and
`check` finds what is wrong with it.
"""

import os
import random
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cnmessage_broker.maintenance.check import check
from cnmessage_broker.maintenance.deep_check import deep_check
from cnmessage_broker.store.memory.store import MemoryStore
from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.records import Account, Conflict, Group, Query
from cnmessage_broker.store.sqlite import queries
from cnmessage_broker.store.sqlite.sections import SIZE, Sections
from cnmessage_broker.store.sqlite.store import SqliteStore
from cnmessage_protocol.conversation import Conversation, Direct, Everyone
from cnmessage_protocol.ids import UserName
from cnmessage_protocol.records import Kind
from tests.contract.conftest import Desk

NAMES = ("alice", "bob", "carol", "dave", "eve")
STATEMENTS = [
    "describe_section",
    "sort_section",
    "received_between",
    "look_back",
    "sections_back",
    "conversation_back",
    "latest_in_conversation",
    "section_in_time",
]


def fill(store: Store, messages: int, seed: int = 1) -> Sequence[Account]:
    """Messages of every kind among five users, at times that jump; eve writes with nobody but dave."""
    desk, chance = Desk(store), random.Random(seed)
    accounts = desk.accounts(*NAMES)
    alice, bob, carol, dave, eve = accounts
    group = []
    for number in range(messages):
        time = number + chance.choice([0, 0, 0, 5000, -5000]) * (number // 300 % 2)
        sender, *to = chance.sample([alice, bob, carol, dave], chance.choice([2, 2, 2, 3]))
        if number % 400 == 0:
            sender, *to = eve, dave
        to += [sender] if number % 13 == 0 else []
        kind = Kind.BROADCAST if number % 10 == 0 else Kind.DIRECT
        blockers = [bob] if number % 7 == 0 else []
        group.append(desk.write(sender, *to, kind=kind, body=str(number), time=time, blockers=blockers))
        if len(group) > number % 97:
            desk.commit(*group)
            group = []
    desk.commit(*group)
    return accounts


def questions(head: int) -> Iterator[dict[str, Any]]:
    """Narrow and wide ones, each with each."""
    peers = [None, Everyone(), *(Direct(UserName(name)) for name in (*NAMES, "nobody"))]
    times: list[tuple[int | None, int | None]] = [
        (None, None),
        (1500, None),
        (None, 400),
        (300, 320),
        (9000, None),
    ]
    for conversation in peers:
        for since, until in times:
            for received_only, direct_only in ((True, False), (False, False), (True, True)):
                for above, upto in ((0, None), (head // 3, head // 2)):
                    yield {
                        "conversation": conversation,
                        "since": since,
                        "until": until,
                        "received_only": received_only,
                        "direct_only": direct_only,
                        "above": above,
                        "upto": upto,
                    }


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SqliteStore, MemoryStore, Path]]:
    """A store of some sections for each user, and the model with the same in it."""
    path = tmp_path_factory.mktemp("grown") / "store.db"
    store = SqliteStore(path, os.urandom)
    model = MemoryStore(store.epoch)
    for each in (store, model):
        fill(each, 2500)
    yield store, model, path
    store.close()


def test_whatever_is_asked_of_a_large_inbox_the_answer_is_the_models(
    grown: tuple[SqliteStore, MemoryStore, Path],
) -> None:
    store, model, _ = grown
    found = 0
    for name in NAMES:
        account = model.account_by_name(name)
        assert account is not None
        for narrow in questions(model.marks(account.id).head):
            query = Query(limit=50, **narrow)
            expected = model.history(account.id, query)
            assert store.history(account.id, query) == expected, (name, narrow)
            found += len(expected.items)
    assert found > 5000


def test_unread_is_right_wherever_the_read_mark_goes(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db", os.urandom)
    model = MemoryStore(store.epoch)
    accounts = fill(store, 2500)
    fill(model, 2500)
    for account in accounts:
        head, mark = model.marks(account.id).head, 0
        for step in (1, 7, 300, 256, 255, 0, 257, 1, 10_000):
            mark = min(head, mark + step)
            for each in (store, model):
                each.commit(Group(read={account.id: mark}))
            assert store.marks(account.id) == model.marks(account.id)
    store.close()
    again = SqliteStore(tmp_path / "store.db", os.urandom)
    assert [again.marks(each.id).unread for each in accounts] == [0] * len(NAMES)
    again.close()


@given(st.integers(1, 10**6), st.integers(0, 3000), st.integers(0, 3000), st.sampled_from([1, 2, 3, 256]))
def test_sections_follow_each_other_and_are_full_exactly_once(
    owner: int, before: int, more: int, size: int
) -> None:
    sections, head = Sections(owner, size), before + more
    filled = sections.filled(before, head)
    assert [*sections.filled(0, before), *filled] == [*sections.filled(0, head)]
    assert all(sections.last(each) <= head for each in filled)
    assert all(sections.last(each) > before for each in filled)
    assert sections.last(sections.of(head + 1)) > head
    assert all(sections.last(one) + 1 == sections.first(two) for one, two in pairwise(filled))
    whole = sections.whole(before, head)
    assert all(before < max(1, sections.first(each)) <= sections.last(each) <= head for each in whole)
    for outside in (whole.start - 1, whole.stop):
        if whole:
            last = sections.last(outside)
            assert last < 1 or max(1, sections.first(outside)) <= before or last > head


def test_a_broadcast_does_not_fill_the_sections_of_all_at_once() -> None:
    owners = range(1, 5001)
    at_once = [sum(bool(Sections(owner).filled(seq, seq + 1)) for owner in owners) for seq in range(SIZE)]
    assert max(at_once) <= 20


# -- upgrade ---------------------------------------------------------------------------------------


def older(path: Path) -> None:
    """Make it a database from before there were sections."""
    connection = apsw.Connection(str(path))
    for statement in (
        "DROP TABLE conversation_mark",
        "DROP INDEX message_client",
        "CREATE UNIQUE INDEX message_of ON message (sender, client_id)",
        "DROP TABLE section",
        "DROP TABLE conversation_item",
        "ALTER TABLE account DROP COLUMN unread",
        "ALTER TABLE inbox DROP COLUMN peer",
        "ALTER TABLE inbox DROP COLUMN sent_at",
        "PRAGMA user_version = 5",
    ):
        connection.execute(statement)
    connection.close()


def rows(path: Path, *tables: str) -> list[Any]:
    connection = apsw.Connection(str(path))
    try:
        return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]  # noqa: S608
    finally:
        connection.close()


def test_an_older_database_gets_the_sections_it_would_have_had(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path, os.urandom)
    accounts = fill(store, 2500)
    store.commit(Group(read={accounts[0].id: 700, accounts[1].id: 10_000}))
    before = [store.marks(each.id) for each in accounts]
    store.close()
    tables = ("section", "conversation_item", "account")
    open_items = "inbox JOIN account ON id = owner WHERE seq >= (head + 101 * id + 1) / 256 * 256 - 101 * id"
    kept = rows(path, *tables, open_items)
    assert min(len(kept[0]), len(kept[3])) > 10
    older(path)
    again = SqliteStore(path, os.urandom)
    assert [again.marks(each.id) for each in accounts] == before
    assert path.with_name("store.db.v5.bak").exists()
    again.close()
    assert rows(path, *tables, open_items) == kept
    assert check(path) == []
    assert list(deep_check(path, tmp_path, lambda _: None)) == []


def test_ids_of_an_older_database_stand_for_their_messages_still(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path, os.urandom)
    accounts = fill(store, 50)
    store.close()
    older(path)
    again = SqliteStore(path, os.urandom)
    ((sender, client_id, body),) = again._db.connection.execute(
        "SELECT sender, client_id, body FROM message WHERE kind = 0 LIMIT 1"
    )
    assert again.has_message(sender, client_id)
    repeat = replace(Desk(again).write(accounts[sender - 1], body=f"not {body}"), client_id=client_id)
    assert again.commit(Group([repeat])) == [Conflict.CLIENT_ID]
    again.close()


def test_marks_of_a_database_from_before_conversations_had_any_are_what_they_were(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store, model = SqliteStore(path, os.urandom), MemoryStore(bytes(16))
    read = Group(read={1: 700, 2: 10_000})
    accounts = fill(store, 2500)
    fill(model, 2500)
    store.commit(read)
    model.commit(read)
    before = [store.marks(each.id) for each in accounts]
    store.close()
    connection = apsw.Connection(str(path))
    connection.execute("DROP TABLE conversation_mark; PRAGMA user_version = 7")
    connection.close()
    again = SqliteStore(path, os.urandom)
    assert path.with_name("store.db.v7.bak").exists()
    assert [again.marks(each.id) for each in accounts] == before
    for account in accounts:
        listed = again.conversations(account.id, None, 99, 1 << 30)
        assert list(listed) == model.conversations(account.id, None, 99, 1 << 30)
    again.close()
    assert check(path) == []


def test_conversations_of_large_inboxes_are_read_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store, model = SqliteStore(path, os.urandom), MemoryStore(bytes(16))
    accounts = fill(store, 2500)
    fill(model, 2500)
    chance = random.Random(5)
    peers: list[Conversation] = [Everyone(), *(Direct(UserName(name)) for name in NAMES)]
    for _ in range(60):
        owner = chance.choice(accounts).id
        upto = chance.randrange(1, model.marks(owner).head + 1)
        one_of_them = {(owner, chance.choice(peers)): upto}
        group = Group(read={owner: upto // 3}) if chance.random() < 0.1 else Group(read_in=one_of_them)
        store.commit(group)
        model.commit(group)
        assert store.marks(owner) == model.marks(owner)
        listed = store.conversations(owner, None, 99, 1 << 30)
        assert list(listed) == model.conversations(owner, None, 99, 1 << 30)
        unread = Query(limit=300, unread_only=True, max_bytes=1 << 30)
        assert store.history(owner, unread) == model.history(owner, unread)
    store.close()
    assert check(path) == []
    assert list(deep_check(path, tmp_path, lambda _: None)) == []


# -- damage ----------------------------------------------------------------------------------------

DAMAGE: dict[str, tuple[str, str]] = {
    "a wrong count of unread": ("UPDATE account SET unread = unread + 1 WHERE id = 2", "the count of unread"),
    "a mark beyond the head": ("INSERT INTO conversation_mark VALUES (2, 5, 1 << 40)", "a mark lies beyond"),
    "a mark of nobody": ("INSERT INTO conversation_mark VALUES (99, 1, 1)", "others refer to is missing"),
    "a lost section": ("DELETE FROM section WHERE owner = 2 AND number % 2", "not every full section"),
    "a section too many": (
        """INSERT INTO section SELECT owner, number + 1, 0, 0, 0, 0 FROM section WHERE owner = 2
        ORDER BY number DESC LIMIT 1""",
        "not every full section",
    ),
    "a section of nobody": ("INSERT INTO section VALUES (99, 1, 0, 0, 0, 0)", "others refer to is missing"),
    "a conversation with nobody": (
        "UPDATE conversation_item SET peer = 99 WHERE owner = 2 AND peer = 1",
        "others refer to is missing",
    ),
}
DEEP: dict[str, tuple[str, str]] = {
    "a time": ("UPDATE section SET least = least + 1 WHERE owner = 2", "are not as described"),
    "another time": ("UPDATE section SET greatest = 0 WHERE owner = 2", "are not as described"),
    "a count": ("UPDATE section SET received = received - 1 WHERE owner = 2", "are not as described"),
    "another count": ("UPDATE section SET direct = direct - 1 WHERE owner = 2", "are not as described"),
    "a section that is another's": (
        "UPDATE section SET number = number - 100 WHERE owner = 2",
        "are not as described",
    ),
    "a lost item": (
        "DELETE FROM conversation_item WHERE owner = 2 AND peer = 1",
        "a conversation it belongs",
    ),
    "an item of another": (
        "UPDATE conversation_item SET peer = 5 WHERE owner = 2 AND peer = 1",
        "a conversation it belongs",
    ),
    "a turned item": (
        "UPDATE conversation_item SET direction = 5 WHERE owner = 2 AND peer = 1",
        "a conversation it belongs",
    ),
    "another peer": (
        "UPDATE inbox SET peer = 5 WHERE owner = 2 AND seq = (SELECT head FROM account WHERE id = 2)",
        "is not where it was delivered",
    ),
    "another time of an item": (
        "UPDATE inbox SET sent_at = 5 WHERE owner = 2 AND seq = (SELECT head FROM account WHERE id = 2)",
        "is not where it was delivered",
    ),
    "an item too many": (
        """INSERT INTO conversation_item SELECT owner, 5, 7, seq FROM conversation_item
        WHERE owner = 2 AND peer = 1""",
        "do not belong",
    ),
}


@pytest.fixture(scope="module")
def stopped(grown: tuple[SqliteStore, MemoryStore, Path], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a stopped broker with some sections."""
    path = tmp_path_factory.mktemp("stopped") / "store.db"
    store = SqliteStore(path, os.urandom)
    fill(store, 1500)
    store.close()
    return path.read_bytes()


def faults(path: Path, *, deep: bool) -> list[str]:
    return list(deep_check(path, path.parent, lambda _: None)) if deep else check(path)


@pytest.mark.parametrize(
    ("name", "deep"), [(name, False) for name in DAMAGE] + [(name, True) for name in DEEP]
)
def test_a_fault_in_what_finds_items_is_found_and_named(
    stopped: bytes, tmp_path: Path, name: str, deep: bool
) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(stopped)
    assert faults(path, deep=deep) == []
    statement, words = (DEEP if deep else DAMAGE)[name]
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    assert connection.changes() > 0
    connection.close()
    found = faults(path, deep=deep)
    assert found
    assert all(words in fault and ("(user " in fault or "number 99" in fault) for fault in found), found[:3]


# -- how it is found -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STATEMENTS)
def test_items_are_found_by_searching_and_come_in_order(
    grown: tuple[SqliteStore, MemoryStore, Path], name: str
) -> None:
    store, _, _ = grown
    statement = f"EXPLAIN QUERY PLAN {queries.load()[name]}"
    values = dict.fromkeys(re.findall(r":(\w+)", statement))
    plan = [row[3] for row in store._db.connection.execute(statement, values)]
    assert plan
    assert not [step for step in plan if re.match(r"SCAN (?!name VIRTUAL|CONSTANT)", step)], plan
    if name != "sort_section":  # a section at most
        assert not [step for step in plan if "TEMP B-TREE" in step], plan


Ask = Callable[[SqliteStore, int], Any]
ASKED: dict[str, Ask] = {
    "the latest": lambda store, owner: store.history(owner, Query(20)),
    "a stranger": lambda store, owner: store.history(
        owner, Query(20, conversation=Direct(UserName("eve")), received_only=False)
    ),
    "a rare one": lambda store, owner: store.history(
        owner, Query(20, conversation=Direct(UserName("carol")), received_only=False)
    ),
    "everyone": lambda store, owner: store.history(
        owner, Query(20, conversation=Everyone(), received_only=False)
    ),
    "later than all": lambda store, owner: store.history(owner, Query(20, since=10**9)),
    "earlier than all": lambda store, owner: store.history(owner, Query(20, until=-1)),
    "a rare one, earlier": lambda store, owner: store.history(
        owner, Query(20, conversation=Direct(UserName("carol")), received_only=False, until=100)
    ),
    "received by who sends": lambda store, _: store.history(1, Query(20)),
    "read to the middle": lambda store, owner: store.commit(Group(read={owner: 15_000})),
}


@pytest.mark.parametrize("name", ASKED)
def test_an_answer_costs_about_the_same_however_large_the_inbox_is(tmp_path: Path, name: str) -> None:
    """Counted in steps of SQLite's machine, which no load of this computer changes."""
    store = SqliteStore(tmp_path / "store.db", os.urandom)
    desk = Desk(store)
    alice, bob, carol, _ = desk.accounts("alice", "bob", "carol", "eve")
    desk.send(bob, alice)
    desk.send(carol, bob)
    costs = []
    for size in (1500, 15_000):
        while store.marks(bob.id).head < size:
            desk.commit(*[desk.write(alice, bob, time=1000 + number) for number in range(1000)])
        steps = [0]

        def count(steps: list[int] = steps) -> bool:
            steps[0] += 1
            return False

        store._db.connection.set_progress_handler(count, 100)
        ASKED[name](store, bob.id)
        store._db.connection.set_progress_handler(None)
        costs.append(steps[0])
    store.close()
    assert costs[1] <= costs[0] + 60, costs  # 6,000 steps; to look at each item would take ten times as many
