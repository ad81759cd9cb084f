"""A broker that is broken or hostile: whatever it says, a client ends in time, with a word, and stays small.

Each case is a real `cnmessage` process, or the library, against tests/attacks/fake_broker.py.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cnmessage_client import Client, Home
from cnmessage_protocol.errors import EXIT_STATUS, ErrorCode
from tests.attacks.fake_broker import Answer, FakeBroker, Refusal, item, page
from tests.attacks.hostile_cases import CASES, NOT_ALLOWED, SLOW, Case, always, in_turn, started
from tests.support.forked import FORK, PROGRAM
from tests.support.memory import most_memory
from tests.support.patience import PATIENCE

TIMEOUT = 2.0
"""What commands are given as --timeout whose end is that time has passed."""

LONG = 30.0
"""What all others are given: what ends them is what the broker does, however slow the machine is."""


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
        """Run to the end, or kill it when patience ends: its status is then -9."""
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
            most = most_memory(process, 2 * PATIENCE)
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


AT_ONCE = 8
_one_port_at_a_time = threading.Lock()


def carried_out(each: Case, folder: Path) -> tuple[Ended, int]:
    """How the case ended, and how many files the outbox has then."""
    with _one_port_at_a_time:
        broker = started(each.makes())
    with broker:
        alice = person_of(broker, folder)
        limit = TIMEOUT if each.waits else LONG
        return alice("--timeout", str(limit), *each.words.split()), alice.outbox


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
    ended, kept = outcomes[each.name].result()
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
    with FakeBroker(users=users, history=history, devices=patient({"devices": []})) as broker:
        alice = person(broker)
        assert len(alice("--timeout", "3", "users").out.splitlines()) == 1001
        assert [line.split("\t")[0] for line in alice("--timeout", "3", "history").out.splitlines()] == [
            "1",
            "2",
        ]
        assert alice("--timeout", "3", "devices").status == 0
        assert broker.counts == {"users": 5, "history": 5, "devices": 3, "whoami": 1}


@pytest.mark.parametrize("verb", ["signup", "login"])
def test_no_file_is_named_after_a_user_who_is_none(verb: str, person: Callable[[FakeBroker], Person]) -> None:
    with started({verb: always({"user": "../../../evil", "device": 1})}) as broker:
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
def test_an_listener_that_is_closed_again_and_again_is_asked_for_ever_more_rarely(
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
