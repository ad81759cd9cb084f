"""`make bench-store`: what a large store costs, beside an empty one.

Fills a store in a temporary directory through the store's own commits, then asks it what clients ask, by the
store's own readers, and commits groups of 100 to it and to an empty store in turn.

    python -m bench.large_store [--messages N] [--json FILE]
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.machine import machine, machine_line
from cnmessage_broker.store.ports.reader import Reader
from cnmessage_broker.store.ports.records import Account, Group, Query, Submission
from cnmessage_broker.store.sqlite.store import SqliteStore
from cnmessage_protocol.conversation import Direct, Everyone
from cnmessage_protocol.ids import ClientId, MessageId, UserName
from cnmessage_protocol.records import Kind

MESSAGES = 8_000_000
USERS = 100
BUSY = 4
"""Users who write half of all messages, to each other."""

ASKED = 200
"""How often each question is asked."""

COMMITS = 100
GROUP = 100
READ_TARGET_MS = 10.0
START_TARGET_S = 1.0
COMMIT_TARGET = 0.9
"""Least part of the empty store's rate that two users must reach who write to each other.

Among a hundred users less is to be had: in an empty store all their inboxes end on the same few pages.
"""

_BEGAN = 1_700_000_000_000
_BODY = "hello there, how are you doing today? " * 2
_BULK = 3000
_TWO = "two users"


@dataclass(frozen=True, slots=True)
class Rates:
    """Messages per second by the median commit, and how much of an empty store's rate that is.

    `cpu_ratio` is the same of the CPU time that all of them took.
    """

    large: float
    empty: float
    ratio: float
    cpu_ratio: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds for each question: the median and the 99th percentile."""

    messages: int
    items_of_the_largest: int
    bytes: int
    filled_s: float
    start_s: float
    reads: Mapping[str, tuple[float, float]]
    commits: Mapping[str, "Rates"]

    def lines(self) -> Iterator[str]:
        """The table."""
        yield (
            f"{self.messages:,} messages, {self.bytes / 1e9:.2f} GB, filled in {self.filled_s:,.0f} s; "
            f"the largest inbox has {self.items_of_the_largest:,} items"
        )
        yield f"  {'start':<44}{self.start_s * 1000:>10,.1f} ms"
        yield f"  {'':<44}{'p50':>10}    {'p99':>10}"
        for name, (middle, slow) in self.reads.items():
            yield f"  {name:<44}{middle:>10.2f} ms {slow:>10.2f} ms"
        for name, rates in self.commits.items():
            yield (
                f"  commits of {GROUP}, {name}: {rates.large:,.0f}/s, empty store {rates.empty:,.0f}/s, "
                f"ratio {rates.ratio:.2f} (of CPU time {rates.cpu_ratio:.2f})"
            )

    def missed(self) -> Iterator[str]:
        """What is worse than it has to be."""
        for name, (_, slow) in self.reads.items():
            if slow > READ_TARGET_MS:
                yield f"{name}: p99 {slow:.1f} ms, not {READ_TARGET_MS:.0f} ms"
        if self.start_s > START_TARGET_S:
            yield f"start: {self.start_s:.1f} s, not {START_TARGET_S:.0f} s"
        if self.commits[_TWO].ratio < COMMIT_TARGET:
            yield f"commits: {self.commits[_TWO].ratio:.2f} of an empty store's, not {COMMIT_TARGET}"


class Writer:
    """Writes messages as if the clock went on by a millisecond with each hundred."""

    def __init__(self, store: SqliteStore, seed: int) -> None:
        self.store = store
        self.chance = random.Random(seed)
        self.accounts = [store.create_account(UserName(f"user{each}"), "", _BEGAN) for each in range(USERS)]
        self.stranger = store.create_account(UserName("stranger"), "", _BEGAN)
        self.friend = store.create_account(UserName("friend"), "", _BEGAN)
        self.count = 0

    def submission(self, most: int = USERS) -> Submission:
        """The next message, among the first `most` users.

        Half of them are of the busy, a few go to the seldom friend, a few to everyone.
        """
        self.count += 1
        crowd = self.accounts[: min(most, BUSY) if self.chance.random() < 0.5 else most]
        sender, to = self.chance.sample(crowd, 2)
        if self.count % 50_000 == 0:
            to = self.friend
        kind, names = Kind.DIRECT, (to.name,)
        if self.count % 5_000 == 0:
            kind, names = Kind.BROADCAST, (UserName("all"),)
        return self._made(sender, to, kind, names)

    def _made(self, sender: Account, to: Account, kind: Kind, names: tuple[UserName, ...]) -> Submission:
        now = self.now
        identity = (now << 80 | 0x7 << 76 | 0x2 << 62 | self.count).to_bytes(16, "big")
        client = (now - 3 << 80 | 0x7 << 76 | 0x2 << 62 | self.count).to_bytes(16, "big")
        return Submission(
            MessageId(identity), ClientId(client), sender.id, sender.name, (to.id,), names, kind, _BODY, now
        )

    @property
    def now(self) -> int:
        """The clock, in ms since 1970."""
        return _BEGAN + self.count // 100

    def group(self, size: int, most: int = USERS) -> Group:
        """So many messages, among the first `most` users."""
        return Group([self.submission(most) for _ in range(size)])


def measure(folder: Path, messages: int) -> Figures:
    """Fill a store and ask it."""
    path = folder / "large.db"
    writer = Writer(SqliteStore(path, os.urandom), seed=1)
    began = time.perf_counter()
    while writer.count < messages:
        writer.store.commit(writer.group(min(_BULK, messages - writer.count)))
    filled = time.perf_counter() - began
    writer.store.close()
    began = time.perf_counter()
    writer.store = SqliteStore(path, os.urandom)
    started = time.perf_counter() - began
    reads = _reads(writer)
    empty = Writer(SqliteStore(folder / "empty.db", os.urandom), seed=2)
    commits = {_TWO: _commits(writer, empty, 2), "a hundred users": _commits(writer, empty, USERS)}
    writer.store.close()
    empty.store.close()
    return Figures(
        messages,
        max(writer.store.marks(each.id).head for each in writer.accounts),
        path.stat().st_size,
        filled,
        started,
        reads,
        commits,
    )


def _reads(writer: Writer) -> dict[str, tuple[float, float]]:
    """Each question, asked of one of the largest inboxes after the other."""
    chance, last = writer.chance, writer.now
    busy = writer.accounts[:BUSY]

    def history(**narrow: object) -> Callable[[Reader, int], object]:
        return lambda reader, owner: reader.history(owner, Query(20, **narrow))  # type: ignore[arg-type]

    def moment() -> int:
        return chance.randrange(_BEGAN, last)

    def with_(account: Account, **narrow: int) -> Callable[[Reader, int], object]:
        return history(conversation=Direct(account.name), received_only=False, **narrow)

    questions: dict[str, Callable[[], Callable[[Reader, int], object]]] = {
        "history 20": history,
        "history 20, own ones too": lambda: history(received_only=False),
        "history --with a busy user": lambda: with_(chance.choice(busy)),
        "history --with anybody": lambda: with_(chance.choice(writer.accounts)),
        "history --with a friend who seldom writes": lambda: with_(writer.friend),
        "history --with a stranger": lambda: with_(writer.stranger),
        "history --with all": lambda: history(conversation=Everyone(), received_only=False),
        "history --since any moment": lambda: history(since=moment()),
        "history --until any moment": lambda: history(until=moment()),
        "history --since later than all": lambda: history(since=last + 10**9),
        "history --until before all": lambda: history(until=_BEGAN - 1),
        "history --with anybody --until any moment": lambda: with_(
            chance.choice(writer.accounts), until=moment()
        ),
        "history --with a friend --since any moment": lambda: with_(writer.friend, since=moment()),
        "history --with a friend --until before all": lambda: with_(writer.friend, until=_BEGAN - 1),
        "history before any item": lambda: history(upto=chance.randrange(1, 10**6)),
    }
    reader = writer.store.reader()
    taken: dict[str, list[float]] = {name: [] for name in questions}
    for _ in range(ASKED):
        for name, question in questions.items():
            ask, owner = question(), chance.choice(busy).id
            began = time.perf_counter()
            with reader.one_state():
                ask(reader, owner)
            taken[name].append(time.perf_counter() - began)
    reader.close()
    name = "unread, and a read mark that moves"
    taken[name] = []
    heads = {each.id: writer.store.marks(each.id).head for each in busy}
    for step in range(1, ASKED + 1):
        for owner, head in heads.items():
            began = time.perf_counter()
            writer.store.commit(Group(read={owner: head * step // (ASKED + 1)}))
            _ = writer.store.marks(owner).unread
            taken[name].append(time.perf_counter() - began)
    return {name: _percentiles(each) for name, each in taken.items()}


def _commits(large: Writer, empty: Writer, most: int) -> Rates:
    """Commits of messages among the first `most` users, to both in turn."""
    wall: list[list[float]] = [[], []]
    cpu = [0.0, 0.0]
    for _ in range(COMMITS):
        for number, writer in enumerate((large, empty)):
            group = writer.group(GROUP, most)
            began, used = time.perf_counter(), time.thread_time()
            writer.store.commit(group)
            cpu[number] += time.thread_time() - used
            wall[number].append(time.perf_counter() - began)
    one, other = (GROUP / statistics.median(each) for each in wall)
    return Rates(one, other, one / other, cpu[1] / cpu[0])


def _percentiles(seconds: list[float]) -> tuple[float, float]:
    ordered = sorted(seconds)
    return ordered[len(ordered) // 2] * 1000, ordered[len(ordered) * 99 // 100] * 1000


def main() -> int:
    """Measure, print, and say by the exit status whether the required figures were reached."""
    parser = argparse.ArgumentParser(prog="python -m bench.large_store", description=__doc__.split("\n")[0])
    parser.add_argument("--messages", type=int, default=MESSAGES, help="how many the store has")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--no-fail", action="store_true", help="exit 0 even when a figure is missed")
    options = parser.parse_args()
    print(machine_line(), flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-store-") as folder:
        found = measure(Path(folder), options.messages)
    for line in found.lines():
        print(line)
    if options.json is not None:
        figures = {"machine": machine(), **asdict(found)}
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    missed = list(found.missed())
    for text in missed:
        print(f"missed: {text}", file=sys.stderr)
    return 1 if missed and not options.no_fail else 0


if __name__ == "__main__":
    sys.exit(main())
