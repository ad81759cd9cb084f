"""What one peer can make the broker hold, and what becomes of who wants more: real sockets, a real broker."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
import zmq

from cnmessage_broker.net.gate import LOOPBACK_FACTOR
from cnmessage_client import Client, Home
from cnmessage_client.profile import KeyPair
from cnmessage_protocol.envelope import FILES
from cnmessage_protocol.files.channel import WINDOW, Chunk, Credit, Get, Granted, Put, pack
from cnmessage_protocol.ids import uuid7
from tests.support.channel import UPLOAD, FilePeer, upload
from tests.support.harness import BrokerThread, broker_config, eventually, sign_up
from tests.support.raw import HandPeer, Raw, ask, frame, new_keys
from tests.support.rows import message_row

PUSHES = 1
UNREAD = {"RCVHWM": 1, "RCVBUF": 4096}


@pytest.fixture
def raw(broker: BrokerThread, home: Home) -> Iterator[Raw]:
    asyncio.run(sign_up(broker.address, home, "alice", "bob"))
    with Raw(broker.address) as sockets:
        yield sockets


def keys_of(home: Home, name: str) -> KeyPair:
    return home.profile(name).keys(new_keys)


def send(peer: "zmq.Socket[bytes]", to: str, body: str) -> None:
    reply = ask(peer, "send", {"messages": [message_row([to], body, uuid7(1, b"%010d" % hash(body))[:16])]})
    assert reply.error is None


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "with credit"])
def test_a_download_goes_to_the_connection_that_asked_and_to_nobody_else(
    broker: BrokerThread, home: Home, raw: Raw, silent: bool
) -> None:
    with FilePeer(broker.address, keys_of(home, "alice")) as alice:
        file = upload(alice).file
    victim = raw.socket(zmq.DEALER, keys_of(home, "bob"), FILES, ROUTING_ID=b"victim", **UNREAD)
    victim.send_multipart([pack(file, Get(0, WINDOW, 1 << 16))])
    assert victim.poll(5000)
    victim.close(linger=0)
    thieves = [raw.socket(zmq.DEALER, new_keys(), FILES, ROUTING_ID=b"victim") for _ in range(5)]
    for thief in thieves:
        if not silent:
            thief.send_multipart([pack(file, Credit(1 << 40))])
    links = broker.broker._file_sockets.links
    eventually(lambda: not links.of_key(keys_of(home, "bob").public.decode()))
    for thief in thieves:
        while thief.poll(200):
            assert len(b"".join(thief.recv_multipart())) < 1000, "a stranger received a part of the file"


@pytest.mark.parametrize("verb", ["login", "send", "history"])
def test_an_answer_that_waits_goes_to_the_connection_that_asked_and_to_nobody_else(
    home: Home, raw: Raw, verb: str
) -> None:
    asked: dict[str, dict[str, Any]] = {
        "login": {"name": "alice", "password": "correct horse battery"},
        "send": {"messages": [message_row(["bob"], "mine")]},
        "history": {"peer": "bob"},
    }
    for _ in range(10):
        victim = raw.dealer(keys_of(home, "alice"), ROUTING_ID=b"victim")
        assert ask(victim, "whoami", {}).error is None
        victim.send(frame(verb, asked[verb]))
        victim.close(linger=50)
        thief = raw.dealer(new_keys(), ROUTING_ID=b"victim")
        assert not thief.poll(100)
        thief.close(linger=0)


def test_a_peer_that_reads_no_answers_is_not_served_more_than_it_may_hold(
    broker: BrokerThread, home: Home, raw: Raw
) -> None:
    bob = raw.dealer(keys_of(home, "bob"))
    for number in range(40):
        send(bob, "alice", f"{number}" * 30_000)
    links = broker.broker._sockets.request_links
    deaf = raw.dealer(keys_of(home, "alice"), SNDHWM=1000, **UNREAD)
    for number in range(200):
        deaf.send(frame("history", {"limit": 1000}, request_id=number + 1))
    eventually(lambda: links.unread > 1 << 20)
    for _ in range(20):
        send(bob, "alice", "meanwhile")  # others are served
        assert links.unread <= links.bounds.unread
    got = 0
    while got < 200 and deaf.poll(5000):
        deaf.recv()
        got += 1
    assert got >= 190, "who reads again is served again"


def test_a_cursor_that_nobody_can_have_does_not_empty_the_window(
    broker: BrokerThread, home: Home, raw: Raw
) -> None:
    alice, bob = raw.dealer(keys_of(home, "alice")), raw.dealer(keys_of(home, "bob"))
    attached = ask(alice, "attach", {}).result
    listener = raw.socket(zmq.SUB, keys_of(home, "alice"), PUSHES, **UNREAD)
    listener.setsockopt(zmq.SUBSCRIBE, attached["listener"])
    assert listener.poll(5000), "no hello came"
    links = broker.broker._sockets.delivery_links
    most = 0
    for number in range(150):
        send(bob, "alice", f"{number:03}" * 20_000)
        beat = ask(alice, "beat", {"listener": attached["listener"], "cursor": 10**9})
        assert beat.error is None
        assert beat.result["head"] == number + 1
        most = max(most, links.unread)
    assert most <= links.bounds.unread + (1 << 20)
    told = ask(bob, "history", {"peer": "alice", "limit": 1}).result["items"]
    state = ask(bob, "receipts", {"ids": [told[0][2]]}).result["receipts"][0][1]
    assert state == [["alice", "stored"]], "a claim made a message delivered"


def test_a_message_without_an_end_is_cut_and_its_key_kept_out(
    broker: BrokerThread, home: Home, raw: Raw
) -> None:
    keys = keys_of(home, "bob")
    links = broker.broker._file_sockets.links
    with HandPeer(raw, b"CURVE", [], FILES) as peer:
        peer.curve(keys)
        part = b"".join(peer.sealed(bytes(60_000), more=True) for _ in range(4))
        sent = 0
        with suppress(OSError):
            while sent < 64 << 20:
                peer.send_bytes(
                    part
                )  # nonces repeat: libzmq ends the connection for that, or we for its size
                sent += len(part)
    eventually(lambda: len(links) == 0)


def test_who_sends_on_the_push_port_what_is_no_subscription_is_cut_and_barred_and_newcomers_are_greeted(
    broker: BrokerThread, home: Home, raw: Raw
) -> None:
    keys = keys_of(home, "bob")
    attached = ask(raw.dealer(keys), "attach", {}).result
    attacker = raw.socket(zmq.XSUB, keys, PUSHES)
    attacker.send(b"\x01" + attached["listener"])
    assert attacker.poll(5000)
    attacker.recv_multipart()
    links = broker.broker._sockets.delivery_links
    attacker.send(b"\x02no subscription")
    eventually(lambda: not links.of_key(keys.public.decode()))
    again = raw.socket(zmq.SUB, keys, PUSHES)
    again.setsockopt(zmq.SUBSCRIBE, attached["listener"])
    assert not again.poll(300), "a barred key was let in"

    async def newcomer() -> None:
        async with Client(home=home, profile="alice") as alice:
            following = asyncio.ensure_future(anext(alice.messages()))
            await alice.send("alice", "to myself")
            assert (await asyncio.wait_for(following, 3)).body == "to myself"

    asyncio.run(newcomer())


def test_strangers_and_keys_without_an_listener_do_not_reach_the_push_port(
    broker: BrokerThread, home: Home, raw: Raw
) -> None:
    for keys in (new_keys(), keys_of(home, "alice")):
        listener = raw.socket(zmq.SUB, keys, PUSHES)
        listener.setsockopt(zmq.SUBSCRIBE, b"")
        assert not listener.poll(300)
    assert not broker.broker._sockets.delivery_links.of_key(keys_of(home, "alice").public.decode())


def test_a_crowd_of_silent_connections_makes_room_for_newcomers(tmp_path: Any, home: Home) -> None:
    few = {"connections_per_address": 4}
    with BrokerThread(broker_config(tmp_path / "small", **few)) as broker, ExitStack() as crowd:
        for _ in range(10 * LOOPBACK_FACTOR):
            crowd.enter_context(socket.create_connection(("127.0.0.1", broker.broker.config.port)))
        asyncio.run(sign_up(broker.address, home, "alice"))
        assert len(broker.broker._sockets.request_links) <= 4 * LOOPBACK_FACTOR + 2


def test_at_a_stop_what_is_handed_over_arrives_and_peers_that_break_off_do_not_end_it_otherwise(
    tmp_path: Any, home: Home
) -> None:
    running = BrokerThread(broker_config(tmp_path / "stopping"))
    with running, Raw(running.address) as raw:
        asyncio.run(sign_up(running.address, home, "alice", "bob"))
        alice = raw.dealer(keys_of(home, "alice"))
        peers = [HandPeer(raw, b"CURVE", []) for _ in range(20)]
        for peer in peers:
            peer.curve(new_keys())
            peer.send_bytes(b"".join(peer.sealed(frame("whoami", {})) for _ in range(20)))
        assert ask(alice, "whoami", {}).error is None
        alice.send(frame("send", {"messages": [message_row(["bob"], "last words")]}))
        assert alice.poll(5000)
        running.broker.stop()
        for peer in peers:
            peer.reset()
    assert len(running.broker._sockets.request_links) == 0


def test_an_upload_that_keeps_to_its_credit_is_not_taken_for_a_flood(
    broker: BrokerThread, home: Home
) -> None:
    size = 24 << 20
    asyncio.run(sign_up(broker.address, home, "alice"))
    with FilePeer(broker.address, keys_of(home, "alice")) as alice:
        alice.say(UPLOAD, Put("large", size, ("alice",)))
        granted = alice.expect(Granted)
        place, upto = 0, granted.upto
        while place < size:
            while place < min(upto, size):
                alice.say(UPLOAD, Chunk(place), bytes(1 << 20))
                place += 1 << 20
            if place < size:
                upto = max(upto, alice.expect(Credit).upto)
        assert not any(each.cut for each in broker.broker._file_sockets.links._links.values())


def test_listeners_that_leave_hold_up_no_newcomer(broker: BrokerThread, home: Home, raw: Raw) -> None:
    keys = keys_of(home, "bob")

    def joined() -> "zmq.Socket[bytes]":
        attached = ask(raw.dealer(keys), "attach", {}).result
        listener = raw.socket(zmq.SUB, keys, PUSHES)
        listener.setsockopt(zmq.SUBSCRIBE, attached["listener"])
        assert listener.poll(900), "the hello must come before a client would subscribe anew"
        return listener

    for _ in range(10):
        leaving = [joined() for _ in range(4)]
        for each in leaving:
            each.close(linger=0)
        joined()


def test_a_connection_that_says_much_on_the_push_port_is_cut(
    broker: BrokerThread, home: Home, raw: Raw
) -> None:
    keys = keys_of(home, "bob")
    attached = ask(raw.dealer(keys), "attach", {}).result
    listener = raw.socket(zmq.XSUB, keys, PUSHES)
    for _ in range(200):
        listener.send(b"\x01" + attached["listener"])
    eventually(lambda: not broker.broker._sockets.delivery_links.of_key(keys.public.decode()))
