"""An impersonated broker: the key changed, a wrong key in the address, no encryption at all."""

import asyncio
import socket
import threading
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Self

import pytest
import zmq
from zmq.utils import z85

from cnmessage_client import Client, CnMessageError, ErrorCode, Home
from cnmessage_client.address import parse_address
from cnmessage_client.known_brokers import KnownBrokers
from cnmessage_protocol.envelope import PROBE, pack_key_card
from tests.support.harness import PASSWORD, BrokerThread, broker_config, free_port, sign_up
from tests.support.patience import PATIENCE
from tests.support.raw import new_keys


class FakeBroker(threading.Thread):
    """Answers the probe with its own key and records every byte it can read of requests."""

    def __init__(self, port: int) -> None:
        super().__init__(name="fake broker")
        self.keys = new_keys()
        self.recorded = b""
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._requests = self._context.socket(zmq.ROUTER)
        self._requests.setsockopt(zmq.CURVE_SERVER, 1)
        self._requests.setsockopt(zmq.CURVE_SECRETKEY, self.keys.secret)
        self._requests.bind(f"tcp://127.0.0.1:{port}")
        self._probe = socket.create_server(("127.0.0.1", port + PROBE))
        self._bell = self._context.socket(zmq.PAIR)
        self._bell.bind("inproc://end")
        self._ringer = self._context.socket(zmq.PAIR)
        self._ringer.connect("inproc://end")

    def run(self) -> None:
        poller = zmq.Poller()
        for each in (self._requests, self._probe, self._bell):
            poller.register(each, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self._bell in ready:
                return
            if self._probe.fileno() in ready:
                caller, _ = self._probe.accept()
                with caller:
                    caller.sendall(pack_key_card(z85.decode(self.keys.public)))
            if self._requests in ready:
                self.recorded += b"".join(self._requests.recv_multipart())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ringer.send(b"")
        self.join(PATIENCE)
        self._probe.close()
        self._context.destroy(linger=0)


class PlainWire(threading.Thread):
    """Speaks unencrypted ZMTP on one port, as a broker without CURVE would, and records raw bytes."""

    def __init__(self, port: int) -> None:
        super().__init__(name="plain wire")
        self.recorded = b""
        self._listener = socket.create_server(("127.0.0.1", port))

    def run(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with peer:
                peer.settimeout(1)
                try:
                    peer.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32))
                    while data := peer.recv(65536):
                        self.recorded += data
                except OSError:
                    continue

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.join(PATIENCE)


@pytest.fixture
def met(tmp_path: Path, home: Home) -> int:
    """The port of a broker that was met, logged in to and is gone now."""
    config = broker_config(tmp_path / "first")
    with BrokerThread(config) as running:
        asyncio.run(sign_up(running.address, home, "alice"))
    return config.port


async def _try_to_log_in(home: Home, broker: str, timeout: float = 3.0) -> CnMessageError:  # noqa: ASYNC109 - the client's own setting
    with pytest.raises(CnMessageError) as caught:
        async with Client(home=home, profile="alice", broker=broker, timeout=timeout) as client:
            await client.login("alice", PASSWORD)
    return caught.value


def test_a_changed_broker_key_ends_with_status_4_before_any_secret(met: int, home: Home) -> None:
    with FakeBroker(met) as fake:
        # It must not wait for the whole time-out.
        trying = _try_to_log_in(home, f"127.0.0.1:{met}", timeout=10 * PATIENCE)
        error = asyncio.run(asyncio.wait_for(trying, PATIENCE))
    assert error.code is ErrorCode.BROKER_KEY_CHANGED
    assert error.exit_status == 4
    assert fake.recorded == b"", "the fake broker could read a request"


def test_the_new_brokers_own_address_line_does_not_replace_the_pinned_key(met: int, home: Home) -> None:
    with FakeBroker(met) as fake:
        key = urlsafe_b64encode(z85.decode(fake.keys.public)).decode()
        error = asyncio.run(_try_to_log_in(home, f"cnm://127.0.0.1:{met}#{key}"))
    assert error.code is ErrorCode.BROKER_KEY_CHANGED
    assert fake.recorded == b""


def test_a_wrong_key_in_the_address_is_refused_at_a_broker_never_met(home: Home) -> None:
    port = free_port()
    wrong = urlsafe_b64encode(z85.decode(new_keys().public)).decode()
    with FakeBroker(port) as fake:
        error = asyncio.run(_try_to_log_in(home, f"cnm://127.0.0.1:{port}#{wrong}"))
    assert error.code is ErrorCode.BROKER_KEY_CHANGED
    assert fake.recorded == b""


def test_a_wrong_key_in_the_address_leaves_nothing_pinned(broker: BrokerThread, home: Home) -> None:
    # Else one mistyped address would lock the user out of the real broker.
    port = parse_address(broker.address).port
    wrong = f"cnm://127.0.0.1:{port}#{urlsafe_b64encode(z85.decode(new_keys().public)).decode()}"
    assert asyncio.run(_try_to_log_in(home, wrong)).code is ErrorCode.BROKER_KEY_CHANGED
    assert KnownBrokers(home).key_of(parse_address(broker.address)) is None


def test_a_broker_without_encryption_gets_no_byte_of_the_password(met: int, home: Home) -> None:
    with PlainWire(met) as wire:
        for _ in range(10):  # on a busy machine the time may be over before the client has come by
            error = asyncio.run(_try_to_log_in(home, f"127.0.0.1:{met}", timeout=1.0))
            assert error.code in {ErrorCode.UNREACHABLE, ErrorCode.BROKER_KEY_CHANGED}
            if wire.recorded:
                break
    assert wire.recorded.startswith(b"\xff"), "the client did come by"
    assert PASSWORD.encode() not in wire.recorded
    assert b"login" not in wire.recorded
    assert b"alice" not in wire.recorded


def test_a_client_that_is_up_when_the_broker_is_replaced_says_so(tmp_path: Path, home: Home) -> None:
    config = broker_config(tmp_path / "first")

    async def scenario() -> tuple[CnMessageError, bytes]:
        running = BrokerThread(config)
        running.__enter__()
        try:
            await sign_up(running.address, home, "alice")
            client = Client(home=home, profile="alice", timeout=8.0)
            await client.connect()
            await client.whoami()
        finally:
            await asyncio.to_thread(running.__exit__)
        with FakeBroker(config.port) as fake:
            with pytest.raises(CnMessageError) as caught:
                await client.passwd(PASSWORD, "another " + PASSWORD)
            await client.close()
        return caught.value, fake.recorded

    error, recorded = asyncio.run(scenario())
    assert recorded == b""
    assert error.code is ErrorCode.BROKER_KEY_CHANGED
