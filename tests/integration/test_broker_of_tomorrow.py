"""A broker of tomorrow and the client of today: what is new is passed over, all else arrives, in order.

Real sockets: tests/attacks/fake_broker.py says what a later version may say, within the rules of growth in
docs/protocol.md, and the library, `history`, `watch` and `chat --plain` are as they are.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cnmessage_client import Client, Home, Message, Unknown
from cnmessage_client.model import UNKNOWN
from tests.attacks.fake_broker import ID, FakeBroker, item, page
from tests.support.harness import BIN, eventually
from tests.support.patience import PATIENCE

WAITING = [
    item(1, "one"),
    item(2, {"edits": ID}, kind=7, sender="", to=[], file=[1, [2]], client_id="x"),
    item(3, "three", extras={"reply_to": ID, "quote": {"from": "bob", "lines": [1, 2]}}),
    item(4, b"sealed"),
    item(5, "five"),
]
PUSHED = [
    item(6, "", kind=200, extras=["of", "another", "form"]),
    item(7, "seven", extras={"mentions": ["alice"]}),
]
TEXTS = ["one", "three", "five", "seven"]
"""What can be shown."""

STRANGE = [("7", 2), ("direct", 4), ("200", 6)]
"""Kind and seq of what cannot."""


class Tomorrow:
    """What the later broker says; `read` is how far it was told that alice has read."""

    def __init__(self) -> None:
        self.read = 0
        self.broker = FakeBroker(
            whoami=lambda _: {
                **self.marks,
                "user": "alice",
                "device": 1,
                "unread": 5,
                "blocked": 0,
                "plan": 1,
            },
            attach=lambda _: self.broker.attached(
                head=5, version=2, capabilities=["files", "rooms"], motd="hello", limits={"rooms": 5}
            ),
            beat=lambda _: {**self.marks, "epoch": ID, "load": 0.5},
            sync=lambda asked: {**page(WAITING[asked["after"] :], 5), "typing": ["bob"]},
            history=lambda _: {**page(WAITING, 5), "threads": []},
            ack=self._ack,
            send=lambda asked: {"acks": [[row[0], ID, 8, 1] for row in asked["messages"]], "hints": ["x"]},
            users=lambda _: {"users": [["alice", True, 0]], "more": False, "rooms": [["ops", 3]]},
            listened=self._listened,
        )

    @property
    def marks(self) -> dict[str, Any]:
        """Where the inbox stands."""
        return {"head": 5, "read_upto": self.read}

    def _ack(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.read = max(self.read, asked["upto"])
        return {"read_upto": self.read, "by": "laptop"}

    def _listened(self, broker: FakeBroker, topic: bytes) -> None:
        broker.push(topic, "hello", {"head": 5, "node": "a"})
        for _ in range(3):
            broker.push(topic, "typing", {"who": "bob", "since": [1]})
        broker.push(topic, "presence", {"changes": [["bob", True]], "away": ["carol"]})
        broker.push(topic, "items", {"items": PUSHED, "trace": 1})


@pytest.fixture
def tomorrow() -> Iterator[Tomorrow]:
    made = Tomorrow()
    with made.broker:
        yield made


@pytest.fixture
def alice(tomorrow: Tomorrow, tmp_path: Path) -> Home:
    home = Home(tmp_path / "home", tmp_path / "home" / "state")
    home.profile("alice").remember(broker=tomorrow.broker.address, user="alice")
    return home


def environment(home: Home, broker: FakeBroker) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
    own = {"CNMESSAGE_HOME": str(home.config), "CNMESSAGE_BROKER": broker.address}
    return {**kept, **own, "CNMESSAGE_PROFILE": "alice"}


def run(home: Home, broker: FakeBroker, *words: str) -> subprocess.CompletedProcess[str]:
    """A command to its end."""
    command = [str(BIN / "cnmessage"), *words]
    done = subprocess.run(
        command, env=environment(home, broker), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def test_the_library_gives_all_that_it_knows_in_order_and_asks_no_more(
    tomorrow: Tomorrow, alice: Home
) -> None:
    kinds: list[str] = []

    async def follow() -> tuple[list[Message | Unknown], int, frozenset[str]]:
        async with Client(home=alice, profile="alice", broker=tomorrow.broker.address) as client:
            client.on_unknown = kinds.append
            entries: list[Message | Unknown] = []
            async for entry in client.follow():
                entries.append(entry)
                if len(entries) == len(TEXTS) + len(STRANGE):
                    break
            asked = tomorrow.broker.counts["sync"]
            client.acknowledge(entries[-1].seq)
            receipt = await client.send("bob", "back")  # an answer with a new key
            assert receipt.seq == 8
            beats = tomorrow.broker.counts["beat"]
            later = lambda: tomorrow.broker.counts["beat"] >= beats + 2  # noqa: E731 - longer than a gap may last
            await asyncio.to_thread(eventually, later)
            assert tomorrow.broker.counts["sync"] == asked
            return entries, client.unknown, client.capabilities

    entries, unknown, capabilities = asyncio.run(follow())
    assert [each.seq for each in entries] == [1, 2, 3, 4, 5, 6, 7]
    assert [each.body for each in entries if isinstance(each, Message)] == TEXTS
    assert [(each.kind, each.seq) for each in entries if isinstance(each, Unknown)] == STRANGE
    assert kinds == ["typing"]
    assert unknown == len(STRANGE) + 3
    assert capabilities == {"files", "rooms"}
    assert tomorrow.read == 7


def test_messages_and_history_of_the_library_hold_messages_only(tomorrow: Tomorrow, alice: Home) -> None:
    async def read() -> tuple[list[str], list[str]]:
        async with Client(home=alice, profile="alice", broker=tomorrow.broker.address) as client:
            looked_back = [each.body for each in await client.history()]
            stream = client.messages()
            return looked_back, [(await anext(stream)).body for _ in TEXTS]

    assert asyncio.run(read()) == (TEXTS[:3], TEXTS)


def test_history_has_a_line_for_each_and_marks_them_all_read(tomorrow: Tomorrow, alice: Home) -> None:
    lines = run(alice, tomorrow.broker, "history", "--unread").stdout.splitlines()
    assert [line.split("\t")[5] for line in lines] == ["one", "", "three", "", "five"]
    assert [line.split("\t")[0] for line in lines] == ["1", "2", "3", "4", "5"]
    assert tomorrow.read == 5


def test_watch_passes_what_it_cannot_show_and_its_json_says_what_is_known(
    tomorrow: Tomorrow, alice: Home
) -> None:
    watched = run(alice, tomorrow.broker, "watch", "-n", str(len(TEXTS)), "--json")
    objects = [json.loads(line) for line in watched.stdout.splitlines()]
    stored = [each for each in objects if each["seq"] is not None]
    assert [each["seq"] for each in stored] == [1, 2, 3, 4, 5, 6, 7]
    assert [each["body"] for each in stored if "body" in each] == TEXTS
    strange = [each for each in stored if "body" not in each]
    assert [(each["kind"], each["seq"]) for each in strange] == STRANGE
    assert strange[0] == {
        "kind": "7",
        "seq": 2,
        "id": "00000000-0000-0000-0000-000000000002",
        "time": "1970-01-01T00:00:00.000Z",
    }
    (pushed,) = [each for each in objects if each["seq"] is None]
    assert pushed == {"kind": "typing", "seq": None, "id": None, "time": None}
    assert tomorrow.read == 7


@pytest.mark.parametrize("form", ["lines", "json"])
def test_the_plain_chat_shows_a_line_for_each_and_marks_them_read(
    tomorrow: Tomorrow, alice: Home, tmp_path: Path, form: str
) -> None:
    words = ["chat", "--plain", *(["--json"] if form == "json" else [])]
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("w") as to_out, err.open("w") as to_err:
        chat = subprocess.Popen(
            [str(BIN / "cnmessage"), *words],
            stdin=subprocess.PIPE,
            stdout=to_out,
            stderr=to_err,
            env=environment(alice, tomorrow.broker),
        )
        assert chat.stdin is not None
        try:
            eventually(lambda: "seven" in out.read_text() and tomorrow.read == 7)
        finally:
            chat.stdin.close()
            status = chat.wait(PATIENCE)
    assert status == 0, err.read_text()
    lines = out.read_text().splitlines()
    if form == "json":
        objects = [json.loads(line) for line in lines]
        shown = [each for each in objects if each.get("seq") is not None]
        assert [each.get("body") for each in shown] == ["one", None, "three", None, "five", None, "seven"]
        assert {"kind": "typing", "seq": None, "id": None, "time": None} in objects
        return
    assert [line.split(" ", 1)[1] for line in lines] == [
        "bob: one", UNKNOWN, "bob: three", UNKNOWN, "bob: five", UNKNOWN, "bob: seven",
    ]  # fmt: skip
    assert err.read_text().splitlines().count(UNKNOWN) == 1
