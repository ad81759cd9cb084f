"""What a third reading found: strangers, odd places of words, messages of many parts, a changing sender."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
import zmq

from cnmessage_broker.app import Broker
from cnmessage_broker.loop.arrivals import STRANGER_BYTES, says_beat
from cnmessage_client import Home
from cnmessage_client.profile import KeyPair
from cnmessage_protocol.codec import encode
from cnmessage_protocol.envelope import FILES
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.files.channel import Fetched, pack
from cnmessage_protocol.ids import UserName
from tests.support.harness import PASSWORD, BrokerThread, broker_config, eventually, sign_up
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
        (frame("beat", {"listener": bytes(16), "cursor": 1}), True),
        (encode([1, int.from_bytes(b"\x00\xa4beat\x00\x00", "big"), "whoami", {}]), False),
        (encode(["beat", 1, "whoami", {}]), False),
        (encode([1, 1, "whoami", {"beat": 1}]), False),
        (frame("beat", {"listener": bytes(100), "cursor": 1}), False),
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


def test_a_wide_send_has_one_sender_whoever_its_key_is_logged_in_as_meanwhile(tmp_path: Path) -> None:
    keys, names = new_keys(), [f"reader{number}" for number in range(100)]
    with Broker(broker_config(tmp_path / "broker")) as broker, Raw(broker.address) as raw:
        alice, mallory, reader, *_ = (
            broker.store.create_account(UserName(name), "", 1) for name in ("alice", "mallory", *names)
        )
        broker.store.bind_device(keys.public.decode(), alice.id, "", 1)
        sender = raw.dealer(keys)
        sender.send(frame("send", {"messages": [message_row(names, "x") for _ in range(100)]}))

        def turned(holds: Callable[[], object]) -> None:
            """Turn after turn by hand, so that it is known where the request stands."""
            deadline = time.monotonic() + 20
            while not holds():
                assert time.monotonic() < deadline
                broker.reactor.turn()

        turned(lambda: broker.store.marks(reader.id).head)
        assert broker.store.marks(reader.id).head < 100
        broker.store.bind_device(keys.public.decode(), mallory.id, "", 1)
        turned(lambda: sender.poll(0))
        sent = answer(sender)
        assert {refused[1] for refused in sent.result["refused"]} == {ErrorCode.UNAUTHENTICATED}
        assert broker.store.marks(mallory.id).head == 0


def test_a_stranger_waits_behind_light_users(tmp_path: Path) -> None:
    with (
        structlog.testing.capture_logs() as logs,
        BrokerThread(broker_config(tmp_path / "broker"), debug=True) as running,
        Raw(running.address) as raw,
    ):
        stranger = raw.dealer(new_keys())
        stranger.send(frame("whoami", {}))
        answer(stranger)
        eventually(lambda: any(each.get("machine") == "turns" and each.get("to") == "heavy" for each in logs))
