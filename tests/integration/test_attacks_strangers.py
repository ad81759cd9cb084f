"""What a third reading found: strangers, odd places of words, messages of many parts, a changing sender."""

import asyncio
from collections.abc import Iterator

import pytest
import zmq

from cnmessage_broker.loop.arrivals import STRANGER_BYTES, says_beat
from cnmessage_client import Client, Home
from cnmessage_client.profile import KeyPair
from cnmessage_protocol.codec import encode
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.files.channel import FILES, Fetched, pack
from tests.support.harness import PASSWORD, BrokerThread, sign_up
from tests.support.raw import Raw, answer, ask, frame, new_keys
from tests.support.rows import message_row

PARTS = {0: 200_000, FILES: 20_000}
"""In one message; more on the file channel would be cut off for its bytes."""


@pytest.fixture
def raw(broker: BrokerThread) -> Iterator[Raw]:
    with Raw(broker.address) as sockets:
        yield sockets


def keys_of(home: Home, name: str) -> KeyPair:
    return home.profile(name).keys(new_keys)


@pytest.mark.parametrize(
    ("body", "beats"),
    [
        (frame("beat", {"attachment": bytes(16), "cursor": 1}), True),
        (encode([1, int.from_bytes(b"\x00\xa4beat\x00\x00", "big"), "whoami", {}]), False),
        (encode(["beat", 1, "whoami", {}]), False),
        (encode([1, 1, "whoami", {"beat": 1}]), False),
        (frame("beat", {"attachment": bytes(100), "cursor": 1}), False),
        (b"\xa4beat", False),
        (b"", False),
    ],
)
def test_the_word_counts_at_its_place_alone(body: bytes, beats: bool) -> None:
    assert says_beat(body) is beats


@pytest.mark.parametrize("offset", [0, FILES], ids=["requests", "files"])
@pytest.mark.parametrize("known", [True, False], ids=["logged in", "a stranger"])
def test_a_message_of_very_many_parts_is_read_past_and_its_sender_cut_off(
    broker: BrokerThread, raw: Raw, home: Home, known: bool, offset: int
) -> None:
    asyncio.run(sign_up(broker.address, home, "alice", "bob"))
    keys = keys_of(home, "alice") if known else new_keys()
    sender = raw.socket(zmq.DEALER, keys, offset, SNDHWM=0)
    monitor = sender.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    sender.send_multipart([b"x"] * PARTS[offset])
    assert monitor.poll(20_000), "it was not cut off"
    monitor.close()
    # The sockets are in step: what comes next on them is taken for what it is.
    bob = raw.socket(zmq.DEALER, keys_of(home, "bob"), FILES)
    bob.send(pack(bytes(16), Fetched()))
    assert bob.poll(10_000)
    assert ask(raw.dealer(keys_of(home, "bob")), "whoami", {}).result["user"] == "bob"


def test_a_large_request_of_a_stranger_is_refused_unread(raw: Raw) -> None:
    stranger = raw.dealer(new_keys())
    stranger.send(frame("send", {"messages": [[]] * STRANGER_BYTES}))
    refused = answer(stranger)
    assert refused.error is not None
    assert refused.error.code is ErrorCode.UNAUTHENTICATED
    made = ask(stranger, "signup", {"name": "newcomer", "password": PASSWORD, "label": "x" * 64})
    assert made.result["user"] == "newcomer"


def test_a_wide_send_has_one_sender_whoever_its_key_is_logged_in_as_meanwhile(
    broker: BrokerThread, raw: Raw, home: Home
) -> None:
    names = [f"reader{number}" for number in range(20)]
    asyncio.run(sign_up(broker.address, home, "alice", "mallory", *names))
    sender = raw.dealer(keys_of(home, "alice"))
    sender.send(frame("send", {"messages": [message_row(names, "x") for _ in range(400)]}))
    sender.send(frame("login", {"name": "mallory", "password": PASSWORD, "label": "x"}, request_id=2))
    ended = [answer(sender) for _ in range(2)]
    assert len(ended) == 2

    async def senders() -> set[str]:
        async with Client(home=home, profile=names[0], broker=broker.address) as reader:
            return {message.sender for message in await reader.history(1000)}

    assert asyncio.run(senders()) <= {"alice"}
