"""The SQLite store against the reference model: any operations in any order, every answer compared.

The model is driven by the same calls; after each step everything that can be read must be equal. Closing the
file and opening it again may happen at any point: like the start of a broker it ends all presence.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from cnmessage_broker.loop.delivery import address_file
from cnmessage_broker.store.memory.store import MemoryStore
from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.records import (
    Account,
    Clock,
    FetchStatus,
    FileStatus,
    Group,
    NameTakenError,
    NewFile,
    Query,
    Submission,
)
from cnmessage_protocol.conversation import Conversation, Direct, Everyone, to_wire
from cnmessage_protocol.ids import ClientId, FileId, MessageId, UserName
from cnmessage_protocol.records import FileFacts, Kind
from tests.contract.conftest import BACKENDS, DURABLE, everything

NAMES = ["a", "b", "b.c", "d-e", "f_1"]
WHO = st.integers(0, len(NAMES) - 1)
KEYS = st.sampled_from(["key1", "key2", "key3", "key4"])
SEQ = st.one_of(st.integers(0, 12), st.just(1 << 60))
TIME = st.integers(0, 200_000)
BODY = st.sampled_from(["x", "other", "é✓", "long " * 20])
DRAFT = st.tuples(
    WHO, st.lists(WHO, max_size=3, unique=True), st.integers(0, 40), BODY, st.sampled_from(Kind)
)
FILE = st.integers(0, 99)
DIGEST = st.sampled_from([b"1" * 32, b"2" * 32])
ENDED = st.sampled_from([FileStatus.WITHDRAWN, FileStatus.EXPIRED])
CONVERSATION = st.sampled_from([Everyone(), *(Direct(UserName(each)) for each in (*NAMES, "nobody"))])
QUERY = st.builds(
    Query,
    limit=st.integers(1, 6),
    above=SEQ,
    upto=st.none() | SEQ,
    since=st.none() | TIME,
    until=st.none() | TIME,
    conversation=st.none() | CONVERSATION,
    received_only=st.booleans(),
    direct_only=st.booleans(),
    unread_only=st.booleans(),
    max_bytes=st.integers(0, 900),
)


class Agreement(RuleBasedStateMachine):
    """Two stores that must not be told apart."""

    backend: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = BACKENDS[self.backend](self.folder)
        self.model = MemoryStore(self.store.epoch)
        self.accounts: list[Account] = []
        self.sent: list[Submission] = []
        self.files: list[FileId] = []

    def teardown(self) -> None:
        try:
            self.store.close()
        finally:
            shutil.rmtree(self.folder)

    def both(self, call: Callable[[Store], Any]) -> Any:
        """Ask both stores; they must answer alike."""
        expected, answer = call(self.model), call(self.store)
        assert plain(answer) == plain(expected)
        return answer

    def who(self, index: int) -> Account:
        return self.accounts[index % len(self.accounts)]

    @initialize()
    def first_account(self) -> None:
        self.new_account(0, 0)

    @rule(index=WHO, now=TIME)
    def new_account(self, index: int, now: int) -> None:
        def create(store: Store) -> Account | None:
            try:
                return store.create_account(UserName(NAMES[index]), "hash", now)
            except NameTakenError:
                return None

        account = self.both(create)
        if account is not None:
            self.accounts.append(account)

    @rule(index=WHO, key=KEYS, label=BODY, now=TIME)
    def bind(self, index: int, key: str, label: str, now: int) -> None:
        self.both(lambda store: store.bind_device(key, self.who(index).id, label, now))

    @rule(index=WHO, device=st.integers(1, 9))
    def unbind(self, index: int, device: int) -> None:
        self.both(lambda store: store.unbind_device(self.who(index).id, device))

    @rule(index=WHO, keep=KEYS, password=BODY)
    def change_password(self, index: int, keep: str, password: str) -> None:
        gone = self.both(lambda store: by_id(store.change_password(self.who(index).id, password, keep)))
        assert keep not in [device.key for device in gone]

    @rule(key=KEYS, now=TIME)
    def saw(self, key: str, now: int) -> None:
        self.both(lambda store: store.commit(Group(seen={key: now})))

    @rule(owner=WHO, other=WHO, on=st.booleans())
    def block(self, owner: int, other: int, *, on: bool) -> None:
        pair = self.who(owner).id, self.who(other).id
        self.both(lambda store: store.block(*pair) if on else store.unblock(*pair))

    @rule(
        drafts=st.lists(DRAFT, max_size=5),
        repeat=st.lists(st.integers(0, 99), max_size=2),
        offers=st.lists(st.tuples(FILE, DIGEST), max_size=2),
        read=st.dictionaries(WHO, SEQ, max_size=2),
        read_in=st.dictionaries(st.tuples(WHO, CONVERSATION), SEQ, max_size=3),
        received=st.dictionaries(WHO, SEQ, max_size=2),
        presence=st.lists(st.tuples(WHO, st.booleans(), TIME), max_size=2),
        now=TIME,
    )
    def commit(
        self,
        drafts: list[tuple[int, list[int], int, str, Kind]],
        repeat: list[int],
        offers: list[tuple[int, bytes]],
        read: dict[int, int],
        read_in: dict[tuple[int, Conversation], int],
        received: dict[int, int],
        presence: list[tuple[int, bool, int]],
        now: int,
    ) -> None:
        """Client ids come from a small range: many are repeated, with the same content or with another."""
        submissions = [self.submission(*draft, now) for draft in drafts]
        submissions += [self.sent[each % len(self.sent)] for each in repeat if self.sent]
        submissions += [self.offer(*each, now) for each in offers if self.files]
        self.sent += submissions
        group = Group(
            submissions,
            {self.who(index).id: seq for index, seq in read.items()},
            {self.who(index).id: seq for index, seq in received.items()},
            [(self.who(index).id, online, time) for index, online, time in presence],
            read_in={(self.who(index).id, which): seq for (index, which), seq in read_in.items()},
        )
        self.both(lambda store: store.commit(group))

    def submission(
        self, sender: int, to: list[int], number: int, body: str, kind: Kind, now: int
    ) -> Submission:
        account = self.who(sender)
        recipients = list(dict.fromkeys(self.who(index) for index in to))
        names = [to_wire(Everyone())] if kind is Kind.BROADCAST else [each.name for each in recipients]
        return Submission(
            MessageId(os.urandom(16)),
            ClientId(number.to_bytes(16, "big")),
            account.id,
            account.name,
            tuple(each.id for each in recipients),
            tuple(names),
            kind,
            body,
            now,
            frozenset(self.model.blockers_of(account.id)),
        )

    def offer(self, index: int, digest: bytes, now: int) -> Submission:
        """The message that completes an upload; it may be complete, or given up, already."""
        row = self.model.files.find(self.files[index % len(self.files)])
        assert row is not None
        owner = self.model.account(row.owner)
        assert owner is not None
        facts = FileFacts(row.id, row.name, row.size, digest)
        return address_file(self.model, owner, row, facts, MessageId(os.urandom(16)), now)

    @rule(
        owner=WHO,
        to=st.lists(WHO, min_size=1, max_size=3),
        number=st.integers(0, 40),
        note=BODY,
        created=TIME,
        expires=st.none() | TIME,
        mtime=st.none() | TIME,
        executable=st.booleans(),
    )
    def upload(
        self,
        owner: int,
        to: list[int],
        number: int,
        note: str,
        created: int,
        expires: int | None,
        mtime: int | None,
        executable: bool,
    ) -> None:
        new = NewFile(
            FileId(os.urandom(16)),
            ClientId(number.to_bytes(16, "big")),
            self.who(owner).id,
            f"file {number}",
            number,
            tuple(dict.fromkeys(self.who(index).name for index in to)),
            note,
            created,
            expires,
            mtime,
            executable,
        )
        if self.both(lambda store: store.files.add(new)).id == new.id:
            self.files.append(new.id)

    @rule(index=FILE, who=WHO, status=st.sampled_from(FetchStatus), offset=FILE, now=TIME)
    def fetch(self, index: int, who: int, status: FetchStatus, offset: int, now: int) -> None:
        if self.files:
            file, account = self.files[index % len(self.files)], self.who(who).id
            self.both(lambda store: store.files.may_fetch(file, account))
            self.both(lambda store: store.files.set_fetch(file, account, status, offset, now))

    @rule(index=FILE, status=ENDED)
    def end(self, index: int, status: FileStatus) -> None:
        if self.files:
            file = self.files[index % len(self.files)]
            self.both(lambda store: store.files.end(file, status))

    @rule(
        now=TIME,
        before=TIME,
        elapsed=st.integers(0, 100),
        longest=st.integers(0, 100),
        graces=st.dictionaries(FILE, st.integers(0, 100), max_size=3),
        limit=st.integers(1, 4),
    )
    def due(
        self, now: int, before: int, elapsed: int, longest: int, graces: dict[int, int], limit: int
    ) -> None:
        clock = Clock(now, before)
        given = {self.files[each % len(self.files)]: grace for each, grace in graces.items() if self.files}
        self.both(lambda store: store.files.newly_overdue(clock, limit))
        self.both(lambda store: store.files.age(clock, elapsed, longest, given))
        self.both(lambda store: store.files.newly_overdue(clock, limit))
        self.both(lambda store: store.files.due(clock, limit))

    @rule(
        index=WHO,
        before=st.none() | st.integers(1, 9),
        limit=st.integers(1, 4),
        max_bytes=st.integers(0, 900),
    )
    def files_of(self, index: int, before: int | None, limit: int, max_bytes: int) -> None:
        account = self.who(index).id
        self.both(lambda store: store.files.sent(account, before, limit, max_bytes))
        self.both(lambda store: store.files.received(account, before, limit, max_bytes))

    @rule(index=WHO, limit=st.integers(1, 3))
    def receipts(self, index: int, limit: int) -> None:
        ids = [submission.id for submission in self.sent]
        self.both(lambda store: store.receipts(self.who(index).id, ids, limit))

    @rule(index=WHO, query=QUERY)
    def history(self, index: int, query: Query) -> None:
        self.both(lambda store: store.history(self.who(index).id, query))

    @rule(
        index=WHO,
        behind=st.none() | st.tuples(SEQ, st.sampled_from(["", "all", *NAMES])),
        limit=st.integers(1, 9),
        max_bytes=st.integers(0, 900),
    )
    def conversations(self, index: int, behind: tuple[int, str] | None, limit: int, max_bytes: int) -> None:
        self.both(lambda store: store.conversations(self.who(index).id, behind, limit, max_bytes))

    @rule(index=WHO, after=SEQ, limit=st.integers(1, 9), max_bytes=st.integers(0, 900))
    def page(self, index: int, after: int, limit: int, max_bytes: int) -> None:
        self.both(lambda store: store.inbox_after(self.who(index).id, after, limit, max_bytes))

    @rule(after=st.sampled_from(["", *NAMES]), limit=st.integers(1, 6))
    def users(self, after: str, limit: int) -> None:
        self.both(lambda store: store.users(after, limit))

    @rule()
    def reopen(self) -> None:
        epoch = self.store.epoch
        self.store.close()
        self.store = BACKENDS[self.backend](self.folder)
        assert self.store.epoch == epoch
        for inbox in self.model._inboxes.values():
            if inbox.away_upto is not None:  # the broker's start sends everybody away
                inbox.away_from, inbox.away_upto = len(inbox.items), None

    @invariant()
    def all_that_can_be_read_is_equal(self) -> None:
        ids = [submission.id for submission in self.sent]
        self.both(lambda store: store.users("", 99))
        self.both(lambda store: set(store.files.live_digests()))
        self.both(lambda store: set(store.files.open_uploads()))
        for key in ("key1", "key2", "key3", "key4"):
            self.both(lambda store, key=key: store.device(key))  # type: ignore[misc]
        for account in self.accounts:
            self.both(lambda store, account=account: everything(store, account, ids))  # type: ignore[misc]


def by_id(devices: Any) -> list[Any]:
    """The order of unbound devices is not promised."""
    return sorted(devices, key=lambda device: device.id)


def plain(answer: Any) -> Any:
    """Lists and tuples are both sequences; a test compares what is in them."""
    return tuple(answer) if isinstance(answer, list) else answer


@pytest.mark.timeout(300)  # of use only when it fails: making the example small takes long
@pytest.mark.parametrize("backend", DURABLE)
def test_a_backend_cannot_be_told_from_the_model(backend: str) -> None:
    class Against(Agreement):
        pass

    Against.backend = backend
    enough = settings(
        max_examples=30,
        stateful_step_count=50,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(Against, settings=enough)
