"""Eavesdroppers on the push socket: subscriptions to everything, stolen topics, the XPUB queue shift."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any

import pytest
import zmq

from cnmessage_client import Client, Home, Message, Receipt
from cnmessage_client.profile import KeyPair
from cnmessage_protocol.machines.states import State
from tests.support.harness import BrokerThread, sign_up
from tests.support.patience import PATIENCE
from tests.support.raw import Raw, everything, new_keys

MESSAGES = 2000
SECRET = "the-plain-text"
PUSHES = 1
"""Offset of the push socket's port."""


@pytest.fixture
def raw(broker: BrokerThread, home: Home) -> Iterator[Raw]:
    asyncio.run(sign_up(broker.address, home, "alice-liddell", "bob-the-hatter", "mallory"))
    with Raw(broker.address) as sockets:
        yield sockets


def _listeners(raw: Raw, topics: list[bytes], keys: list[KeyPair | None]) -> list["zmq.Socket[bytes]"]:
    every = [b"", b"\0", b"\1", *(bytes([first]) for first in range(2, 256, 23)), *topics]
    made = []
    for pair in keys:
        listener = raw.socket(zmq.SUB, pair, PUSHES, RCVHWM=0)
        for topic in every:
            listener.setsockopt(zmq.SUBSCRIBE, topic)
            listener.setsockopt(zmq.SUBSCRIBE, topic[:8])
        made.append(listener)
    return made


def _assert_nothing_readable(heard: bytes) -> None:
    for word in (SECRET, "alice-liddell", "bob-the-hatter", "items", "hello"):
        assert word.encode() not in heard


def test_subscribers_to_everything_read_no_plaintext_and_no_name(raw: Raw, home: Home) -> None:
    mallory = home.profile("mallory").keys(new_keys)
    early = _listeners(raw, [], [None, new_keys(), mallory])

    async def scenario() -> tuple[bytes, bytes]:
        async with (
            Client(home=home, profile="alice-liddell") as alice,
            Client(home=home, profile="bob-the-hatter") as bob,
        ):
            stream = bob.messages()
            await alice.send("bob-the-hatter", "first")
            await anext(stream)  # from here on bob's subscription is granted
            attached = bob._session.attached
            assert attached is not None
            topic = attached.listener
            late = _listeners(raw, [topic], [None, new_keys(), mallory])
            # The control: a thief of bob's whole device key is granted the topic, and still reads nothing.
            thief = raw.socket(zmq.SUB, home.profile("bob-the-hatter").keys(new_keys), PUSHES, RCVHWM=0)
            thief.setsockopt(zmq.SUBSCRIBE, topic)
            assert await asyncio.to_thread(thief.poll, 5000), "the control must hear the hello"
            sends = [alice.send("bob-the-hatter", f"{SECRET} {n}") for n in range(MESSAGES)]
            bodies = [each async for each in _take(stream, MESSAGES, sends)]
            assert bodies == [f"{SECRET} {n}" for n in range(MESSAGES)]
            heard = b"".join(everything(each) for each in early + late)
            return heard, everything(thief)

    heard, sealed = asyncio.run(scenario())
    assert heard == b""
    assert len(sealed) > MESSAGES * len(SECRET), "the control did not hear the traffic"
    _assert_nothing_readable(sealed)


async def _take(
    stream: AsyncIterator[Message],
    count: int,
    sends: list[Coroutine[Any, Any, Receipt]],
) -> AsyncIterator[str]:
    sending = asyncio.gather(*sends)
    for _ in range(count):
        yield (await asyncio.wait_for(anext(stream), PATIENCE)).body
    await sending


class QueueShifter(threading.Thread):
    """Sends ordinary upstream messages and its own subscriptions in one stream, as fast as told."""

    def __init__(self, raw: Raw, keys: KeyPair, junk: int, subs: int, pause: float) -> None:
        super().__init__(name="attacker")
        self._sockets = [raw.socket(zmq.XSUB, keys, PUSHES, RCVHWM=0, SNDHWM=10_000) for _ in range(3)]
        self._junk = junk
        self._subs = subs
        self._pause = pause
        self._ended = threading.Event()
        self.heard = b""
        self.sent = 0

    def run(self) -> None:
        for number in itertools.count():
            if self._ended.wait(self._pause):
                break
            # One ordinary message takes a pipe off libzmq's queue too early; the subscriptions behind the
            # victim's are what its grant would then land on.
            fresh = [b"\x01" + number.to_bytes(4, "big") + bytes([each]) for each in range(self._subs)]
            for attacker in self._sockets:
                self._burst(attacker, [b"\x02junk"] * self._junk + fresh)
                self.heard += everything(attacker)

    def _burst(self, attacker: "zmq.Socket[bytes]", messages: list[bytes]) -> None:
        for message in messages:
            try:
                attacker.send(message, zmq.NOBLOCK)
            except zmq.Again:
                return
            self.sent += 1

    def end(self) -> bytes:
        """Stop; gives every byte the attacker received."""
        self._ended.set()
        self.join(PATIENCE)
        return self.heard + b"".join(everything(each, first_wait_ms=50) for each in self._sockets)


@pytest.mark.parametrize(
    ("junk", "subs", "pause", "rounds"),
    [(1, 20, 0.001, 10), (20, 1, 0.002, 30), (200, 1, 0.0, 4)],
    ids=["interleaved", "bursts", "flood"],
)
def test_the_queue_shift_yields_nothing_and_stops_nobody(
    raw: Raw,
    home: Home,
    junk: int,
    subs: int,
    pause: float,
    rounds: int,
) -> None:
    attacker = QueueShifter(raw, home.profile("mallory").keys(new_keys), junk, subs, pause)
    attacker.start()

    async def scenario() -> None:
        async with Client(home=home, profile="alice-liddell") as alice:
            for number in range(rounds):
                async with Client(home=home, profile="bob-the-hatter") as bob:
                    stream = bob.messages()
                    arrival = asyncio.ensure_future(anext(stream))
                    await alice.send("bob-the-hatter", f"{SECRET} {number}")
                    message = await asyncio.wait_for(arrival, PATIENCE)
                    assert message.body == f"{SECRET} {number}"
                    bob.acknowledge(message.seq)
                    await bob.mark_read(message.seq)

    try:
        asyncio.run(scenario())
    finally:
        heard = attacker.end()
    assert attacker.sent > rounds
    _assert_nothing_readable(heard)
    assert heard == b"", "a grant meant for another landed on the attacker"


def test_a_topic_ends_with_its_listener(raw: Raw, home: Home) -> None:
    async def scenario() -> bytes:
        async with Client(home=home, profile="bob-the-hatter") as bob:
            live = asyncio.Event()
            bob.on_state = lambda state, _: live.set() if state is State.LIVE else None
            following = asyncio.ensure_future(anext(bob.messages()))
            await asyncio.wait_for(live.wait(), PATIENCE)
            following.cancel()
            attached = bob._session.attached
            assert attached is not None
            return attached.listener

    topic = asyncio.run(scenario())
    keys = home.profile("bob-the-hatter").keys(new_keys)
    listener = raw.socket(zmq.SUB, keys, PUSHES)
    listener.setsockopt(zmq.SUBSCRIBE, topic)
    # Not even its former owner is greeted on it.
    assert not listener.poll(300)
