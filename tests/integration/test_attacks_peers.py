"""Peers that are not who they say: no mechanism, a forged User-Id, a second key, a stolen id."""

import asyncio
from collections.abc import Iterator

import pytest
import zmq

from cnmessage_client import Client, Home
from cnmessage_client.profile import KeyPair
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.ids import uuid7
from tests.support.harness import BrokerThread, sign_up
from tests.support.raw import HandPeer, Raw, answer, ask, new_keys
from tests.support.rows import message_row


@pytest.fixture
def raw(broker: BrokerThread) -> Iterator[Raw]:
    with Raw(broker.address) as sockets:
        yield sockets


@pytest.fixture
def alice(broker: BrokerThread, home: Home) -> KeyPair:
    asyncio.run(sign_up(broker.address, home, "alice", "bob", "mallory"))
    return _keys(home, "alice")


def _keys(home: Home, name: str) -> KeyPair:
    return home.profile(name).keys(new_keys)


@pytest.mark.parametrize(("kind", "offset"), [(zmq.DEALER, 0), (zmq.SUB, 1), (zmq.XSUB, 1)])
@pytest.mark.parametrize(
    "options",
    [{}, {"PLAIN_USERNAME": b"alice", "PLAIN_PASSWORD": b"x"}],
    ids=["null", "plain"],
)
def test_a_peer_without_curve_is_not_admitted(
    raw: Raw,
    kind: int,
    offset: int,
    options: dict[str, bytes],
) -> None:
    assert not raw.admitted(kind, offset, **options)


def test_a_peer_that_takes_another_key_for_the_brokers_is_not_admitted(raw: Raw) -> None:
    own, other = new_keys(), new_keys()
    options = {"CURVE_PUBLICKEY": own.public, "CURVE_SECRETKEY": own.secret}
    assert not raw.admitted(zmq.DEALER, 0, CURVE_SERVERKEY=other.public, **options)


def test_a_forged_user_id_without_a_mechanism_gets_no_answer(raw: Raw, alice: KeyPair) -> None:
    with HandPeer(raw, b"NULL", [(b"User-Id", alice.public)]) as peer:
        said = peer.null_ready()
        assert b"READY" not in said


def test_the_handwritten_peer_is_believed_with_the_right_key(raw: Raw, alice: KeyPair) -> None:
    # The control of the next test: the same bytes with alice's own key do act as alice.
    with HandPeer(raw, b"CURVE", []) as peer:
        peer.curve(alice)
        assert peer.ask("whoami", {}).result["user"] == "alice"


@pytest.mark.parametrize("name", [b"User-Id", b"user-id", b"USER-ID", b"X-User-Id"])
def test_a_user_id_in_the_peers_own_metadata_is_not_believed(raw: Raw, alice: KeyPair, name: bytes) -> None:
    with HandPeer(raw, b"CURVE", [(name, alice.public), (b"Peer-Address", b"127.0.0.1")]) as peer:
        peer.curve(new_keys())
        reply = peer.ask("whoami", {})
        assert reply.error is not None
        assert reply.error.code is ErrorCode.UNAUTHENTICATED


def test_metadata_through_libzmqs_own_option_is_not_believed(raw: Raw, alice: KeyPair) -> None:
    peer = raw.dealer(new_keys(), METADATA=b"X-User-Id:" + alice.public)
    reply = ask(peer, "whoami", {})
    assert reply.error is not None
    assert reply.error.code is ErrorCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("whoami", {}),
        ("devices", {}),
        ("revoke", {"device": 1}),
        ("attach", {}),
        ("detach", {"listener": bytes(16)}),
        ("beat", {"listener": bytes(16), "cursor": 0}),
        ("send", {"messages": [message_row(["alice"], "hi")]}),
        ("sync", {"after": 0}),
        ("history", {}),
        ("ack", {"upto": 1}),
        ("users", {}),
        ("block", {"name": "alice"}),
        ("unblock", {"name": "alice"}),
        ("blacklist", {}),
        ("receipts", {"ids": [bytes(16)]}),
        ("passwd", {"old": "correct horse battery", "new": "another password"}),
    ],
)
def test_an_unknown_key_may_do_nothing_but_log_in(
    raw: Raw,
    alice: KeyPair,
    verb: str,
    arguments: dict[str, object],
) -> None:
    reply = ask(raw.dealer(new_keys()), verb, arguments)
    assert reply.error is not None
    assert reply.error.code is ErrorCode.UNAUTHENTICATED


def test_a_second_user_cannot_use_anothers_listener_or_session(
    raw: Raw,
    alice: KeyPair,
    home: Home,
    broker: BrokerThread,
) -> None:
    victim, attacker = raw.dealer(alice), raw.dealer(_keys(home, "mallory"))
    attached = ask(victim, "attach", {}).result
    stolen = attached["listener"]

    beaten = ask(attacker, "beat", {"listener": stolen, "cursor": 99})
    assert beaten.error is not None
    assert beaten.error.code is ErrorCode.NOT_ATTACHED
    assert ask(attacker, "detach", {"listener": stolen}).error is None  # nothing of theirs is there to end
    assert ask(victim, "beat", {"listener": stolen, "cursor": 0}).error is None

    session = ask(victim, "whoami", {}).result["device"]
    revoked = ask(attacker, "revoke", {"device": session})
    assert revoked.error is not None
    assert revoked.error.code is ErrorCode.NO_SUCH_DEVICE

    identity = uuid7(1, bytes(10))
    ask(victim, "send", {"messages": [message_row(["bob"], "for bob alone", identity)]})
    assert ask(attacker, "sync", {"after": 0}).result["items"] == []
    assert ask(attacker, "history", {}).result["items"] == []
    item = ask(raw.dealer(_keys(home, "bob")), "sync", {"after": 0}).result["items"][0]
    told = ask(attacker, "receipts", {"ids": [item[2]]})
    assert told.error is not None
    assert told.error.code is ErrorCode.NO_SUCH_MESSAGE


def test_the_broker_writes_the_sender_whatever_the_request_says(raw: Raw, alice: KeyPair, home: Home) -> None:
    attacker = raw.dealer(_keys(home, "mallory"))
    row = message_row(["bob"], "pay at once")
    for forged in ([*row, "alice"], ["alice", *row], {"from": "alice"}):
        refused = ask(attacker, "send", {"messages": [forged]})
        assert refused.error is not None
    refused = ask(attacker, "send", {"messages": [row], "from": "alice"})
    assert refused.error is not None
    assert refused.error.code is ErrorCode.BAD_REQUEST
    assert len(ask(attacker, "send", {"messages": [row]}).result["acks"]) == 1
    (item,) = ask(raw.dealer(_keys(home, "bob")), "sync", {"after": 0}).result["items"]
    assert item[4] == "mallory"


def test_a_client_id_of_another_user_is_no_conflict_and_no_ack_of_theirs(
    raw: Raw,
    alice: KeyPair,
    home: Home,
) -> None:
    row = message_row(["bob"], "same id")
    first = ask(raw.dealer(alice), "send", {"messages": [row]}).result["acks"]
    second = ask(raw.dealer(_keys(home, "mallory")), "send", {"messages": [row]}).result["acks"]
    assert first[0][1] != second[0][1]


def test_a_stolen_routing_id_gets_no_answer_of_its_owner(raw: Raw, alice: KeyPair) -> None:
    owner = raw.dealer(alice, ROUTING_ID=b"the-owner")
    assert ask(owner, "whoami", {}).result["user"] == "alice"
    thief = raw.dealer(new_keys(), ROUTING_ID=b"the-owner")
    thief.send(b"anything")
    for _ in range(50):
        assert ask(owner, "whoami", {}).result["user"] == "alice"
    refused = answer(thief)  # of its own frame, under a routing id of its own
    assert refused.error is not None
    assert not thief.poll(0)


def test_a_routing_id_whose_owner_left_brings_no_rights(raw: Raw, alice: KeyPair) -> None:
    owner = raw.dealer(alice, ROUTING_ID=b"the-owner")
    assert ask(owner, "whoami", {}).error is None
    owner.close(linger=0)
    reply = ask(raw.dealer(new_keys(), ROUTING_ID=b"the-owner"), "whoami", {})
    assert reply.error is not None
    assert reply.error.code is ErrorCode.UNAUTHENTICATED


def test_clients_leave_their_routing_id_unset(broker: BrokerThread, home: Home, alice: KeyPair) -> None:
    async def scenario() -> None:
        async with Client(home=home, profile="alice") as client:
            await client.whoami()
            connection = client._connection
            assert connection is not None
            assert connection._requests is not None
            assert connection._requests.getsockopt(zmq.ROUTING_ID) == b""

    asyncio.run(scenario())
