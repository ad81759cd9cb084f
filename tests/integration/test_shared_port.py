"""The push port is shared by several sockets: everybody is served, on whichever the kernel chose for them."""

import asyncio
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import zmq

from cnmessage_broker.app import Broker
from cnmessage_broker.keys import load_or_create
from cnmessage_broker.net.gate import GateLimits
from cnmessage_broker.net.sockets import MOST_SHARDS, BindError, Sockets, Watch, shards_for
from cnmessage_broker.net.zap import DELIVERIES_DOMAIN, DOMAIN, Admission, anybody
from cnmessage_client import Home
from cnmessage_client.address import parse_address
from cnmessage_client.profile import KeyPair
from tests.support.harness import BrokerThread, broker_config, eventually, free_port, sign_up
from tests.support.patience import PATIENCE
from tests.support.raw import Raw, ask, new_keys
from tests.support.rows import message_row

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads who connects")

PUSHES = 1
SUBSCRIBERS = 64
"""So many that all on one of 32 sockets is out of the question."""


@pytest.fixture
def raw(broker: BrokerThread) -> Iterator[Raw]:
    with Raw(broker.address) as sockets:
        yield sockets


@pytest.fixture
def alice(broker: BrokerThread, home: Home) -> KeyPair:
    asyncio.run(sign_up(broker.address, home, "alice"))
    return home.profile("alice").keys(new_keys)


def _attached(raw: Raw, keys: KeyPair, count: int) -> "dict[bytes, zmq.Socket[bytes]]":
    """So many listeners, each with a subscriber that has been greeted, by topic."""
    requests = raw.dealer(keys)
    found: dict[bytes, zmq.Socket[bytes]] = {}
    for number in range(count):
        topic = ask(requests, "attach", {}).result["listener"]
        found[topic] = raw.socket(zmq.SUB, keys, PUSHES)
        found[topic].setsockopt(zmq.SUBSCRIBE, topic)
        assert found[topic].poll(10_000), "no hello came"
        assert found[topic].recv_multipart()[0] == topic
        for each in found if number % 8 == 0 else ():  # or they would be silent before all have come
            assert ask(requests, "beat", {"listener": each, "cursor": 0}).error is None
    return found


def _sockets_of(broker: BrokerThread) -> "set[zmq.Socket[bytes]]":
    """Those that somebody's deliveries leave by."""
    listeners = broker.broker.deps.listeners.all()
    return {each.link.socket for each in listeners if each.link is not None and each.link.socket is not None}


def test_subscribers_are_spread_and_every_one_gets_what_is_pushed(
    broker: BrokerThread, raw: Raw, alice: KeyPair
) -> None:
    found = _attached(raw, alice, SUBSCRIBERS)
    assert len(_sockets_of(broker)) > 1, "the kernel put all of them on one socket"
    reply = ask(raw.dealer(alice), "send", {"messages": [message_row(["alice"], "to all of mine")]})
    assert reply.error is None
    for topic, subscriber in found.items():
        assert subscriber.poll(10_000), "a delivery did not come"
        assert subscriber.recv_multipart()[0] == topic


def test_who_comes_again_on_another_connection_goes_on_there(
    broker: BrokerThread, raw: Raw, alice: KeyPair
) -> None:
    ((topic, before),) = _attached(raw, alice, 1).items()
    links = broker.broker._sockets.delivery_links
    seen: set[zmq.Socket[bytes]] = set()
    requests = raw.dealer(alice)
    deadline = time.monotonic() + 20
    while len(seen) < 3:
        assert time.monotonic() < deadline, "the kernel always chose the same sockets"
        subscriber = raw.socket(zmq.SUB, alice, PUSHES)
        subscriber.setsockopt(zmq.SUBSCRIBE, topic)
        assert subscriber.poll(10_000), "no hello came"
        subscriber.recv_multipart()
        before.setsockopt(zmq.UNSUBSCRIBE, topic)  # the one that was left takes nothing with it
        eventually(lambda: any(each.said == 2 for each in links.of_key(alice.public.decode())))
        before.close(linger=0)
        eventually(lambda: len(links.of_key(alice.public.decode())) == 1)
        before = subscriber
        seen |= _sockets_of(broker)
        assert ask(requests, "beat", {"listener": topic, "cursor": 0}).error is None
        assert ask(requests, "send", {"messages": [message_row(["alice"], "hello")]}).error is None
        assert subscriber.poll(10_000), "a delivery did not come"
        subscriber.recv_multipart()


def test_connections_that_come_and_go_on_all_sockets_leave_no_trace(broker: BrokerThread, raw: Raw) -> None:
    links = broker.broker._sockets.delivery_links
    place = (raw.host, raw.port + PUSHES)
    for _ in range(20):
        crowd = [socket.create_connection(place, 5) for _ in range(30)]
        for each in crowd:
            each.close()
    eventually(lambda: len(links) == 0)
    assert links._gate._total == 0
    assert not links._silent


def _bound(
    folder: Path, host: str, port: int, shards: int = 4
) -> tuple["zmq.Context[zmq.Socket[bytes]]", Sockets]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    admission = Admission({DOMAIN: anybody, DELIVERIES_DOMAIN: anybody}, time.monotonic)
    watch = Watch(admission, GateLimits(64, 64, 64, 0.0), 1 << 20, time.monotonic, structlog.get_logger())
    _, secret = load_or_create(folder / "broker.key")
    try:
        return context, Sockets(context, host, port, secret, watch, shards)
    except BindError:
        context.term()
        raise


def _refusal(folder: Path, host: str, port: int) -> str:
    """Why it cannot listen there; empty if it can."""
    try:
        context, sockets = _bound(folder, host, port)
    except BindError as error:
        return str(error)
    sockets.close(0)
    context.term()
    return ""


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104 - what a broker for all is started with
        ("*", "127.0.0.1"),
        ("lo", "127.0.0.1"),
        ("::1", "::1"),
        ("::", "127.0.0.1"),
        ("::", "::1"),
    ],
)
def test_both_ports_listen_on_whatever_the_host_means(tmp_path: Path, host: str, reached: str) -> None:
    port = free_port()
    try:
        context, sockets = _bound(tmp_path, host, port)
    except BindError:
        if ":" in host and not Path("/proc/net/if_inet6").exists():
            pytest.skip("this machine has no IPv6")
        raise
    try:
        for offset in (0, PUSHES):
            with socket.create_connection((reached, port + offset), 5) as peer:
                peer.settimeout(5)
                peer.sendall(b"\xff" + bytes(8) + b"\x7f")
                assert peer.recv(10)[:1] == b"\xff", "nobody speaks ZMTP there"
    finally:
        sockets.close(0)
        context.term()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((reached, port + PUSHES), 5)


@pytest.mark.parametrize("shares", [False, True], ids=["alone", "would share"])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - as above
def test_a_push_port_that_another_program_has_is_an_error_even_if_it_would_share(
    tmp_path: Path, host: str, shares: bool
) -> None:
    port = free_port()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shares))
        other.bind(("127.0.0.1", port + PUSHES))
        other.listen()
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        assert f"port {port + PUSHES} on {host} is taken" in _refusal(tmp_path, host, port)
        eventually(lambda: len(os.listdir("/proc/self/fd")) == before)  # noqa: PTH208


def test_a_second_broker_on_other_data_does_not_join_the_port_of_the_first(
    broker: BrokerThread, tmp_path: Path
) -> None:
    taken = broker.broker.config.port
    with pytest.raises(BindError, match="is taken"):
        Broker(broker_config(tmp_path / "other", port=taken))
    (tmp_path / "another" / "cnmessage.db").parent.mkdir()
    (tmp_path / "another" / "cnmessage.db").touch()  # so that only the binding itself finds out
    with pytest.raises(BindError, match="is taken"):
        Broker(broker_config(tmp_path / "another", port=taken))


def test_who_connects_while_the_broker_stops_is_hung_up_on(tmp_path: Path) -> None:
    with BrokerThread(broker_config(tmp_path / "stopping")) as running:
        address = parse_address(running.address)
        ended = threading.Event()
        crowd: list[socket.socket] = []

        def come() -> None:
            while not ended.is_set():
                try:
                    crowd.append(socket.create_connection((address.host, address.port + PUSHES), 5))
                except OSError:
                    return

        coming = threading.Thread(target=come)
        coming.start()
        eventually(lambda: len(crowd) > 50)
    ended.set()
    coming.join(PATIENCE)
    for each in crowd:
        each.settimeout(5)
        try:
            while each.recv(4096):
                pass  # the greeting of who was accepted
        except ConnectionError:
            pass
        each.close()


@pytest.mark.parametrize(("descriptors", "shards"), [(64, 1), (1024, 4), (1 << 16, MOST_SHARDS)])
def test_a_broker_with_few_descriptors_spends_few_of_them_on_sockets(descriptors: int, shards: int) -> None:
    assert shards_for(descriptors) == shards
