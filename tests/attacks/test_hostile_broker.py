"""A broker that is broken or hostile: whatever it says, a client ends in time, with a word, and stays small.

Each case is a real `cnmessage` process, or the library, against tests/attacks/fake_broker.py.
"""

# ruff: noqa: E501 - a case is a line

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from cnmessage_client import Client, Home
from cnmessage_protocol.errors import EXIT_STATUS, ErrorCode
from tests.attacks.fake_broker import DIGEST, ID, Answer, FakeBroker, Late, Raw, Refusal, file_row, item, page
from tests.support.forked import FORK, PROGRAM
from tests.support.memory import most_memory

TIMEOUT = 0.5
"""What the commands are given as --timeout."""

DEADLINE = 20.0
"""Seconds after which a command is too late: a walk may take six times its time-out, and two cores are shared."""

SMALL = 120
"""MiB that a command takes at most, unless it was asked for much."""

LARGEST = (1 << 53) - 1
BEYOND = 1 << 62


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str
    mib: float


@dataclass
class Person:
    """Runs `cnmessage` as alice of one fake broker."""

    home: Home
    address: str

    def __call__(self, *words: str, stdin: str = "") -> Ended:
        """Run to the end, or kill it at the deadline: its status is then -9."""
        folder = self.home.config.parent
        (folder / "in").write_text(stdin)
        with (
            (folder / "in").open() as given,
            (folder / "out").open("w+") as out,
            (folder / "err").open("w+") as err,
        ):
            process = FORK.start(
                [PROGRAM, "--timeout", str(TIMEOUT), *words],
                self.environment,
                (given.fileno(), out.fileno(), err.fileno()),
                folder=folder,
            )
            most = most_memory(process, DEADLINE)
            out.seek(0)
            err.seek(0)
            return Ended(process.wait(0), out.read(), err.read(), most)

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the caller's own settings."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        own = {"CNMESSAGE_HOME": str(self.home.config), "CNMESSAGE_BROKER": self.address}
        return {**kept, **own, "CNMESSAGE_PROFILE": "alice"}

    @property
    def outbox(self) -> int:
        """Files with messages that wait."""
        return len(list(self.home.config.parent.rglob("*.outbox")))


def person_of(broker: FakeBroker, folder: Path) -> Person:
    """Somebody who is logged in at a fake broker, with a file to send."""
    home = Home(folder / "home", folder / "home" / "state")
    home.profile("alice").remember(broker=broker.address, user="alice")
    (folder / "file.txt").write_text("some bytes\n" * 1000)
    return Person(home, broker.address)


@pytest.fixture
def person(tmp_path: Path) -> Callable[[FakeBroker], Person]:
    """Makes that somebody."""
    return lambda broker: person_of(broker, tmp_path)


@dataclass(frozen=True)
class Case:
    """What the broker does, what is run, how it ends: with a status, and these words on stderr."""

    name: str
    words: str
    status: int
    says: str = ""
    mib: int = SMALL
    kept: int = 0
    """Files in the outbox afterwards."""
    makes: Callable[[], dict[str, Any]] = dict


def case(
    name: str, words: str, status: int, says: str = "", *, mib: int = SMALL, kept: int = 0, **script: Any
) -> Case:
    """A case whose script has no memory."""
    return Case(name, words, status, says, mib, kept, lambda: script)


def always(answer: Answer) -> Callable[[Any], Answer]:
    return lambda _: answer


def in_turn(*answers: Answer) -> Callable[[], Callable[[Any], Answer]]:
    """One answer after the other, the last for ever."""

    def made() -> Callable[[Any], Answer]:
        rest = list(answers)
        return lambda _: rest.pop(0) if len(rest) > 1 else rest[0]

    return made


def falling(seconds: float = 0.0, items: int = 0) -> Callable[[], dict[str, Any]]:
    """History without end: each page a little lower than the one before, from far above."""

    def history(arguments: dict[str, Any]) -> Answer:
        before = arguments.get("before") or LARGEST
        rows = [item(before - items + at) for at in range(items)]
        answer = page(rows, LARGEST, more=True, before=before - max(1, items))
        return Late(seconds, answer) if seconds else answer

    return lambda: {"history": history}


def rising_users(seconds: float = 0.0, rows: int = 1000) -> Callable[[], dict[str, Any]]:
    """Users without end, in order."""

    def made() -> dict[str, Any]:
        numbers = count()

        def users(_: Any) -> Answer:
            answer = {"users": [[f"u{next(numbers):020}", True, 0] for _ in range(rows)], "more": True}
            return Late(seconds, answer) if seconds else answer

        return {"users": users}

    return made


def more_files(arguments: dict[str, Any]) -> Answer:
    order = arguments.get("before") or LARGEST
    return {"files": [file_row(order - each - 1) for each in range(200)], "more": True}


def large_history(arguments: dict[str, Any]) -> Answer:
    before = arguments.get("before") or LARGEST
    rows = [item(before - 40 + at, "x" * 60_000) for at in range(40)]
    return page(rows, LARGEST, more=True, before=rows[0][0])


NO_PROGRESS = "make no progress"
NOT_ALLOWED = "is not what the protocol allows"

READING = [
    case("the same place again and again", "history 50", 1, NO_PROGRESS, history=always(page([], 9, more=True, before=5))),
    case("the same page again and again", "history 50", 1, NO_PROGRESS, history=always(page([item(5)], 9, more=True, before=5))),
    case("a place that rises", "history 50", 1, NO_PROGRESS, history=always(page([item(5)], 9, more=True, before=8))),
    case("more than was asked for", "history 2", 1, NO_PROGRESS, history=always(page([item(at) for at in (1, 2, 3)], 9))),
    case("falling seqs", "history", 1, NO_PROGRESS, history=always(page([item(3), item(2)], 9))),
    case("a seq twice", "history", 1, NO_PROGRESS, history=always(page([item(3), item(3)], 9))),
    case("seqs above the head", "history", 1, NO_PROGRESS, history=always(page([item(10)], 9))),
    case("a time beyond all years", "history", 1, NOT_ALLOWED, history=always(page([item(1, time=BEYOND)], 9))),
    case("the last time that is a time", "history", 0, history=always(page([item(1, time=253_402_214_399_999)], 9))),
    case("a seq beyond all numbers", "history", 1, NOT_ALLOWED, history=always(page([item(BEYOND)], BEYOND))),
    case("a sender that is a path", "history", 1, NOT_ALLOWED, history=always(page([item(1, sender="../x")], 9))),
    case("nothing, a little lower each time", "history 50", 3, "too little", **falling()()),
    case("one item a page, late", "history 50", 3, "too little", **falling(0.2, 1)()),
    case("large messages without end", "history 1000000", 7, "MiB", mib=600, history=large_history),
    case("no answer", "history", 3, "no answer", history=always(None)),
    case("noise", "history", 3, "no answer that can be read", history=always(Raw(b"\xc1" * 99))),
    case("an answer to another question", "history", 1, NOT_ALLOWED, history=always({"users": [], "more": False})),
    case("another version", "history", 1, "version", history=lambda _: Raw(b"\x94\x02\x01\xa2ok\x80")),
    case("an error that is none", "history", 1, NOT_ALLOWED, history=lambda _: Raw(b"\x94\x01\x01\xa4busy\x80")),
    case("a long reason", "history", 6, "x" * 1000, history=always(Refusal("storage", "x" * 60_000))),
    case("a code that only a client has", "history", 1, "no", history=always(Refusal("interrupted"))),
    case("refused for ever", "history", 7, "wait", history=always(Refusal("rate_limited", "wait"))),
    case("busy for ever", "users", 6, "wait", users=always(Refusal("busy", "wait"))),
    case("users without end", "users", 1, NO_PROGRESS, mib=200, **rising_users()()),
    case("a user a page, late", "users", 3, "too little", **rising_users(0.2, 1)()),
    case("the same users for ever", "users", 1, NO_PROGRESS, users=always({"users": [["bob", True, 0]], "more": True})),
    case("no users and more", "users", 1, NO_PROGRESS, users=always({"users": [], "more": True})),
    case("a user seen beyond all years", "users", 1, NOT_ALLOWED, users=always({"users": [["bob", True, BEYOND]], "more": False})),
    case("files without end", "files", 1, NO_PROGRESS, mib=300, files_list=more_files),
    case("the same files for ever", "files", 1, NO_PROGRESS, files_list=always({"files": [file_row(7)], "more": True})),
    case("a file beyond all sizes", "files", 1, NOT_ALLOWED, files_list=always({"files": [file_row(7, size=BEYOND)], "more": False})),
    case("a file beyond all years", "files", 1, NOT_ALLOWED, files_list=always({"files": [file_row(7, expires=BEYOND)], "more": False})),
    case("a file in no state", "files", 1, NOT_ALLOWED, files_list=always({"files": [file_row(7, state="?")], "more": False})),
    case("devices beyond all years", "sessions", 1, NOT_ALLOWED, sessions=always({"sessions": [[1, "", BEYOND, 0, True, True]]})),
    case("a name that is a path", "whoami", 1, NOT_ALLOWED, whoami=always({"user": "../../x", "session": 1, "head": 0, "read_upto": 0, "unread": 0, "blocked": 0})),
    case("blocked names without end", "blacklist list", 1, NOT_ALLOWED, blocklist=always({"names": ["a b"]})),
]  # fmt: skip

SENDING = [
    case("neither stored nor refused", "send bob hello", 3, "does not say", kept=1, send=always({"acks": []})),
    case("stored under ids never sent", "send bob hello", 3, "does not say", kept=1, send=always({"acks": [[ID, ID, 1, 1]] * 9})),
    case("an ack that is none", "send bob hello", 1, NOT_ALLOWED, kept=1, send=lambda a: {"acks": [[a["messages"][0][0], ID, BEYOND, 1]]}),
    case("no ack", "send bob hello", 3, "may have arrived", kept=1, send=always(None)),
    case("refused for the moment, for ever", "send bob hello", 7, "not sent", send=always(Refusal("rate_limited", "wait"))),
    case("busy with each message, for ever", "send bob hello", 6, "is kept", kept=1, send=lambda a: {"acks": [], "refused": [[row[0], "busy", "wait"] for row in a["messages"]]}),
    case("never read", "send bob hello --wait read", 10, "stored, but", receipts=lambda a: {"receipts": [[a["ids"][0], [["bob", "stored"]]]]}),
    case("no receipt", "send bob hello --wait read", 1, NOT_ALLOWED, receipts=always({"receipts": []})),
    case("a receipt of another", "send bob hello --wait read", 1, NOT_ALLOWED, receipts=always({"receipts": [[b"x" * 16, []]]})),
    case("a receipt in no state", "send bob hello --wait read", 1, NOT_ALLOWED, receipts=lambda a: {"receipts": [[a["ids"][0], [["bob", "?"]]]]}),
    case("receipts refused for ever", "send bob hello --wait read", 7, "wait", receipts=always(Refusal("rate_limited", "wait"))),
]  # fmt: skip


def attached(**other: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {"attach_with": other}


FOLLOWING = [
    Case("a beat that is a spin", "watch", 1, NOT_ALLOWED, makes=attached(heartbeat=1)),
    Case("a beat beyond all times", "watch", 1, NOT_ALLOWED, makes=attached(heartbeat=BEYOND, expiry=BEYOND)),
    Case("an expiry below the beat", "watch", 1, NOT_ALLOWED, makes=attached(expiry=1000)),
    Case("a port that is none", "watch", 1, NOT_ALLOWED, makes=attached(deliveries=65535)),
    Case("a head beyond all numbers", "watch", 1, NOT_ALLOWED, makes=attached(head=BEYOND)),
    Case("items it does not give", "watch", 1, NO_PROGRESS, makes=lambda: {"attach_with": {"head": 9}, "sync": always(page([], 9))}),
    Case("other items than those asked for", "watch", 1, NO_PROGRESS, makes=lambda: {"attach_with": {"head": 9}, "sync": always(page([item(7)], 9, more=True))}),
    Case("items that are none", "watch", 1, NOT_ALLOWED, makes=lambda: {"attach_with": {"head": 9}, "sync": always(page([item(1, time=BEYOND)], 9))}),
    Case("a head that comes and goes", "watch -n 1", 0, makes=lambda: {"attach_with": {"head": 9}, "sync": in_turn(page([], 0), page([], 0), page([item(1)], 1))(), "beat": always({"head": LARGEST, "read_upto": 0, "epoch": ID})}),
    Case("refused for a while", "watch -n 1", 0, makes=lambda: {"attach": in_turn(Refusal("busy"), Refusal("rate_limited"), None)(), "attach_with": {"head": 1}, "sync": in_turn(Refusal("rate_limited"), Refusal("busy"), page([item(1)], 1))()}),
]  # fmt: skip


def fetched(*answers: list[tuple[Any, ...]]) -> dict[str, Any]:
    """One file is offered; GET gets the first answer, all else that is said the others in turn."""

    def files(verb: str, _: dict[str, Any], __: bytes) -> list[tuple[Any, ...]]:
        if verb == "get":
            return answers[0]
        return answers[1] if len(answers) > 1 else []

    return {"files_list": always({"files": [file_row(7, size=100_000)], "more": False}), "files": files}


def opened(size: int = 100_000, sha256: bytes = DIGEST) -> tuple[Any, ...]:
    return ("opened", {"name": "a.txt", "size": size, "sha256": sha256})


def chunk(offset: int, data: bytes = b"x" * 100) -> tuple[Any, ...]:
    return ("chunk", {"offset": offset}, data)


def stopped(code: str) -> tuple[Any, ...]:
    return ("stop", {"code": code, "message": "no"})


GET = f"files get {ID.hex()}"
PUT = "files send bob file.txt"
PATIENT = "--timeout 5 "
"""Where the broker's repeats are to end it, and not the time that a busy machine takes for them."""
SIZE = 11_000


def sent(**answers: list[tuple[Any, ...]]) -> dict[str, Any]:
    """What is answered to each verb of an upload."""

    def files(verb: str, _: dict[str, Any], __: bytes) -> list[tuple[Any, ...]]:
        return list(answers.get(verb, []))

    return {"files": files}


def granted(offset: int, upto: int = SIZE) -> tuple[Any, ...]:
    return ("granted", {"file": ID, "offset": offset, "upto": upto})


CREDIT = ("credit", {"upto": SIZE})


def alive(broker: FakeBroker) -> None:
    """Signs of life on every transfer, all the time."""
    broker.say_again(CREDIT)


TRANSFERS = [
    case("sent back to the beginning for ever", PATIENT + PUT, 9, "again and again", **sent(put=[granted(0)], chunk=[granted(0)], finish=[granted(0)])),
    case("the last byte wanted for ever", PATIENT + PUT, 1, NO_PROGRESS, **sent(put=[granted(0)], finish=[granted(SIZE - 1)])),
    case("granted nothing for ever", PUT, 3, "no progress", **sent(put=[granted(0, 0)])),
    case("granted beyond the end", PUT, 2, "no offset", **sent(put=[granted(SIZE + 1)])),
    case("granted beyond all numbers", PUT, 3, "no progress", **sent(put=[granted(0, BEYOND)])),
    case("not open, again and again", PATIENT + PUT, 1, NO_PROGRESS, **sent(put=[granted(0), stopped("not_attached")])),
    case("at work for ever", PUT, 3, "no progress", tick=alive, **sent(put=[CREDIT])),
    case("at the end for ever", PUT, 3, "no progress", tick=alive, **sent(put=[granted(0)])),
    case("kept as nothing", PUT, 3, "no progress", **sent(put=[("kept", {"file": ID, "message": ID, "seq": BEYOND, "recipients": 1})])),
    case("stopped with a code of ours", PUT, 1, "no", **sent(put=[stopped("interrupted")])),
    case("no word", PUT, 3, "no progress", **sent()),
    case("another size than offered", GET, 9, "another file", **fetched([opened(10**15)])),
    case("another digest than offered", GET, 9, "another file", **fetched([opened(sha256=b"y" * 32)])),
    case("chunks from elsewhere", GET, 3, "no progress", **fetched([opened(), chunk(500)], [chunk(500)])),
    case("chunks beyond the end", GET, 3, "no progress", **fetched([opened(), chunk(0, b"x" * 200_000)])),
    case("opened for ever", PATIENT + GET, 1, NO_PROGRESS, **fetched([opened()], [opened()])),
    case("closed for ever", PATIENT + GET, 1, NO_PROGRESS, **fetched([opened(), stopped("not_attached")])),
    case("wrong for ever", GET, 2, "no", **fetched([opened(), chunk(0), stopped("bad_request")])),
    case("no chunk", GET, 3, "no progress", **fetched([opened()])),
    case("signs of life and no chunk", GET, 3, "no progress", tick=alive, **fetched([opened()])),
]  # fmt: skip


def started(script: dict[str, Any]) -> FakeBroker:
    """The broker of a case. `files_list` is the verb `files`; `attach_with` changes an honest Attached."""
    verbs = dict(script)
    channel, tick = verbs.pop("files", None), verbs.pop("tick", None)
    other, refusing = verbs.pop("attach_with", None), verbs.pop("attach", None)
    listing = verbs.pop("files_list", None)
    broker = FakeBroker(files=channel, tick=tick, **verbs)
    if listing is not None:
        broker.verbs["files"] = listing
    if other is not None:
        broker.verbs["attach"] = lambda arguments: (
            (refusing and refusing(arguments)) or broker.attached(**other)
        )
    return broker


CASES = [*READING, *SENDING, *FOLLOWING, *TRANSFERS]
SLOW = {"files without end"}
"""Cases that are much work for both sides."""
AT_ONCE = 6
_one_port_at_a_time = threading.Lock()


def carried_out(each: Case, folder: Path) -> tuple[Ended, int]:
    """How the case ended, and how many files the outbox has then."""
    with _one_port_at_a_time:
        broker = started(each.makes())
    with broker:
        alice = person_of(broker, folder)
        return alice(*each.words.split()), alice.outbox


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, "Future[tuple[Ended, int]]"]]:
    """Every case of this run; most of them wait for time to pass, so several go on at once."""
    functions = [each for each in request.session.items if isinstance(each, pytest.Function)]
    chosen: list[Any] = [
        each.callspec.params["each"] for each in functions if "outcomes" in each.fixturenames
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {each.name: pool.submit(carried_out, each, tmp_path_factory.mktemp("case")) for each in chosen}


@pytest.mark.xdist_group("hostile broker")  # one process: the fixture starts all cases at once
@pytest.mark.parametrize(
    "each",
    [pytest.param(each, id=each.name, marks=[pytest.mark.slow] * (each.name in SLOW)) for each in CASES],
)
def test_a_command_ends_in_time_with_a_word(
    each: Case, outcomes: dict[str, "Future[tuple[Ended, int]]"]
) -> None:
    ended, kept = outcomes[each.name].result(60)
    assert ended.status == each.status, ended
    assert "Traceback" not in ended.err
    assert each.says in ended.err
    lines = [line for line in ended.err.splitlines() if line.startswith("cnmessage: ")]
    assert len(lines) == (1 if each.status else 0), ended.err
    assert ended.mib < each.mib
    assert kept == each.kept
    assert {ended.status} <= {0, *EXIT_STATUS.values()}


def test_what_is_refused_for_a_while_is_read_when_it_is_not(person: Callable[[FakeBroker], Person]) -> None:
    def patient(*answers: Answer) -> Callable[[Any], Answer]:
        return in_turn(Refusal("rate_limited"), Refusal("busy"), *answers)()

    rows = [[f"u{at:05}", True, 0] for at in range(1000)]
    users = patient(
        {"users": rows, "more": True}, Refusal("busy"), {"users": [["x", True, 0]], "more": False}
    )
    history = patient(
        page([item(2)], 2, more=True, before=2), Refusal("rate_limited"), page([item(1)], 2, before=1)
    )
    with FakeBroker(users=users, history=history, sessions=patient({"sessions": []})) as broker:
        alice = person(broker)
        assert len(alice("--timeout", "3", "users").out.splitlines()) == 1001
        assert [line.split("\t")[0] for line in alice("--timeout", "3", "history").out.splitlines()] == [
            "1",
            "2",
        ]
        assert alice("--timeout", "3", "sessions").status == 0
        assert broker.counts == {"users": 5, "history": 5, "sessions": 3}


@pytest.mark.parametrize("verb", ["signup", "login"])
def test_no_file_is_named_after_a_user_who_is_none(verb: str, person: Callable[[FakeBroker], Person]) -> None:
    with started({verb: always({"user": "../../../evil", "session": 1})}) as broker:
        alice = person(broker)
        ended = alice(verb, "alice", "--password-stdin", stdin="correct horse battery\n")
    assert (ended.status, NOT_ALLOWED in ended.err) == (1, True), ended
    assert not list(alice.home.config.parent.rglob("*evil*"))


# -- what goes on, and must neither spin nor grow --------------------------------------------------


def follow(person: Callable[[FakeBroker], Person], broker: FakeBroker, seconds: float) -> Client:
    """A client of the library that follows for a while; gives it, closed."""

    async def main() -> Client:
        client = Client(home=alice.home, profile="alice", broker=broker.address)
        async with client:
            reading = asyncio.ensure_future(_exhaust(client.messages()))
            await asyncio.wait([reading], timeout=seconds)
            assert not reading.done() or reading.result() is None
            reading.cancel()
        return client

    alice = person(broker)
    return asyncio.run(main())


async def _exhaust(stream: Any) -> None:
    async for _ in stream:
        pass


def closing(reason: str) -> Callable[[FakeBroker, bytes], None]:
    def listened(broker: FakeBroker, topic: bytes) -> None:
        broker.push(topic, "hello", {"head": 0})
        broker.push(topic, "closed", {"reason": reason})

    return listened


@pytest.mark.parametrize("reason", ["not_attached", "shutdown"])
def test_an_attachment_that_is_closed_again_and_again_is_asked_for_ever_more_rarely(
    reason: str, person: Callable[[FakeBroker], Person]
) -> None:
    with FakeBroker(listened=closing(reason)) as broker:
        follow(person, broker, 1.5)
        assert 2 <= broker.counts["attach"] <= 8, broker.counts


@pytest.mark.parametrize(
    "script",
    [
        {"beat": lambda _: {"head": 0, "read_upto": 0, "epoch": os.urandom(16)}},
        {"beat": always(Refusal("not_attached"))},
        {"attach": always(Refusal("busy"))},
        {"sync": always(Refusal("rate_limited")), "attach_with": {"head": 5}},
        {"sync": always(page([], 0)), "attach_with": {"head": 5}},
    ],
    ids=["another epoch in every beat", "no beat taken", "never attached", "never synced", "no such head"],
)
def test_a_session_does_not_spin(script: dict[str, Any], person: Callable[[FakeBroker], Person]) -> None:
    script = {"attach_with": {"heartbeat": 100}, **script}
    with started(script) as broker:
        follow(person, broker, 1.5)
        beats = broker.counts.pop("beat", 0)
        assert beats <= 40
        assert all(number <= 10 for number in broker.counts.values()), broker.counts


def test_beats_that_nobody_answers_do_not_pile_up(person: Callable[[FakeBroker], Person]) -> None:
    def talk(broker: FakeBroker) -> None:
        for topic in broker.topics:
            broker.push(topic, "presence", {"changes": [["bob", True]]})

    with FakeBroker(tick=talk, beat=always(None)) as broker:
        broker.verbs["attach"] = lambda _: broker.attached(heartbeat=100)
        client = follow(person, broker, 4.0)
        assert broker.counts["attach"] == 1
        assert broker.counts["beat"] <= 60  # one each 0.1 s, and few of them again after 3 s
        assert len(client._session._calls.own) <= 5


def test_more_than_anybody_reads_does_not_fill_the_memory(person: Callable[[FakeBroker], Person]) -> None:
    """Pushes and pages of the largest messages, answers nobody asked for, to a hook that is slow."""
    body = "x" * 65_000
    seqs: dict[bytes, int] = {}

    def flood(broker: FakeBroker) -> None:
        for topic in broker.topics:
            first = seqs.get(topic, 0) + 1
            broker.push(topic, "items", {"items": [item(first + at, body) for at in range(40)]})
            seqs[topic] = first + 39
        for peer, request_id in broker.peers.items():
            broker.reply(peer, request_id + 1000, page([item(at + 1, body) for at in range(40)], 40))

    def sync(arguments: dict[str, Any]) -> Answer:
        after = arguments["after"]
        return page([item(after + 1 + at, body) for at in range(40)], after + 1000, more=True)

    with FakeBroker(tick=flood, sync=sync) as broker:
        ended = person(broker)("watch", "-n", "1", "--quiet", "--exec", "sleep 1")
    assert ended.status in {0, EXIT_STATUS[ErrorCode.UNREACHABLE]}, ended.err  # answers drown in the flood
    assert ended.mib < 500
