"""Peers that would make libzmq abort the broker: chosen automatic ids, and PINGs behind a full queue.

The broker is a process of its own: an abort would end the tests, too.
"""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from cnmessage_client import Home
from tests.support.harness import BrokerProcess, BrokerThread, eventually, sign_up
from tests.support.raw import HandPeer, Raw, ask, frame, new_keys

UNSEEDED = (0x6B8B4567, 0xE43C9869, 0xF4B0DC51)
"""Where the first ROUTERs of a process begin to count if nothing is seeded: what glibc gives first."""

REQUESTS, FILES = 0, 2


@pytest.fixture
def raw(broker_process: BrokerProcess) -> Iterator[Raw]:
    with Raw(broker_process.address) as sockets:
        yield sockets


def alive(raw: Raw, broker_process: BrokerProcess) -> bool:
    """Whether the broker's process still answers a newcomer."""
    assert broker_process.process is not None
    return (
        ask(raw.dealer(new_keys()), "whoami", {}).error is not None and broker_process.process.poll() is None
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_ping_behind_more_requests_than_a_queue_holds_and_a_broken_connection(
    raw: Raw, broker_process: BrokerProcess, seed: int
) -> None:
    # A queue of libzmq's with a limit stops reading; what is read later, PING among it, meets a dead engine.
    request = frame("whoami", {})
    with HandPeer(raw, b"CURVE", []) as peer:
        peer.curve(new_keys())
        flood = [
            peer.sealed(b"\x04PING\0\0", command=True) if number % 4 == seed else peer.sealed(request)
            for number in range(1500)
        ]
        peer.send_bytes(b"".join(flood))
        peer.reset()
    assert alive(raw, broker_process)


def test_an_identity_that_is_given_next_is_not_to_be_known(raw: Raw, broker_process: BrokerProcess) -> None:
    with ExitStack() as held:
        for start, number in itertools.product(UNSEEDED, range(12, 36)):
            identity = b"\0" + ((start + number) % (1 << 32)).to_bytes(4, "big")
            peer = held.enter_context(HandPeer(raw, b"CURVE", [(b"Identity", identity)]))
            peer.curve(new_keys())
        for _ in range(120):
            assert alive(raw, broker_process)


@pytest.mark.parametrize("port", [REQUESTS, FILES])
@pytest.mark.parametrize(
    "chosen",
    [b"victim", b"\0" + UNSEEDED[0].to_bytes(4, "big"), b"\1" + (1).to_bytes(8, "big"), b"x" * 255],
    ids=["a word", "one of libzmq's", "one of ours", "a long one"],
)
def test_a_routing_id_is_never_the_peers_choice(
    broker: BrokerThread, home: Home, port: int, chosen: bytes
) -> None:
    asyncio.run(sign_up(broker.address, home, "alice"))
    keys = home.profile("alice").keys(new_keys)
    inside = broker.broker
    links = inside._sockets.request_links if port == REQUESTS else inside._file_sockets.links
    with Raw(broker.address) as raw, ExitStack() as peers:
        for _ in range(20):
            peer = peers.enter_context(HandPeer(raw, b"CURVE", [(b"Identity", chosen)], port))
            peer.curve(keys)
            peer.send_bytes(peer.sealed(frame("whoami", {})))
        eventually(lambda: len(links.of_key(keys.public.decode())) == 20)
        given = [each.routing_id for each in links.of_key(keys.public.decode())]
        assert len(set(given)) == 20
        assert {(len(each), each[0]) for each in given} == {(9, 1)}
        assert not any(each.cut for each in links.of_key(keys.public.decode()))
