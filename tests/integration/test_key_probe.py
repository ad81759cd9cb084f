"""The key probe as a port that anybody reaches: what strangers do there changes nothing for others."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import structlog

from cnmessage_broker.net.keyprobe import BATCH, HELD, INTERVAL, SHORT_OF_DESCRIPTORS, KeyProbe
from cnmessage_broker.net.sockets import BindError
from cnmessage_client import CnMessageError, ErrorCode, Home
from cnmessage_client.address import Address, parse_address
from cnmessage_client.link.keyprobe import fetch_key_card
from cnmessage_client.loop import new_event_loop
from cnmessage_protocol.envelope import MAX_KEY_CARD, PROBE, pack_key_card, unpack_key_card
from cnmessage_protocol.errors import ProtocolError
from tests.support.harness import BrokerThread, broker_config, eventually, free_port, sign_up
from tests.support.patience import PATIENCE
from tests.support.shortage import no_descriptors

KEY = bytes(range(32))
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
STAYS = 10 * PATIENCE
"""Seconds for which a probe holds a connection that does not hang up: in effect for ever."""


@pytest.fixture
def place(broker: BrokerThread) -> tuple[str, int]:
    """Where the broker's probe listens."""
    address = parse_address(broker.address)
    return address.host, address.port + PROBE


@contextmanager
def probe_at(host: str, port: int, patience: float = STAYS) -> Iterator[KeyProbe]:
    """A probe without the rest of a broker."""
    probe = KeyProbe(host, port, KEY, time.monotonic, structlog.get_logger(), patience)
    probe.start()
    try:
        yield probe
    finally:
        probe.stop()


def card_from(place: tuple[str, int]) -> bytes:
    """What an honest caller in any language reads."""
    with socket.create_connection(place, PATIENCE) as caller, caller.makefile("rb") as stream:
        return stream.read()


def ready_with(identity: bytes) -> bytes:
    """A ZMTP greeting and the READY of a DEALER that chooses its identity."""
    body = b"\x05READY\x0bSocket-Type\0\0\0\x06DEALER\x08Identity" + len(identity).to_bytes(4) + identity
    return GREETING + b"\x04" + bytes([len(body)]) + body


def test_whoever_connects_reads_the_card_and_an_end(broker: BrokerThread, place: tuple[str, int]) -> None:
    assert unpack_key_card(card_from(place)).key == parse_address(broker.address).key


def test_zmtp_peers_with_chosen_identities_change_nothing(
    broker: BrokerThread, place: tuple[str, int], home: Home
) -> None:
    # libzmq's ROUTER took such an identity, gave out the same by itself, and ended the process.
    with ExitStack() as peers:
        for count in range(300):
            peer = peers.enter_context(socket.create_connection(place, PATIENCE))
            peer.sendall(ready_with(b"\0" + (0x6B8B4567 + count).to_bytes(4)))
        for _ in range(20):
            peers.enter_context(socket.create_connection(place, PATIENCE)).sendall(ready_with(b""))
        assert unpack_key_card(card_from(place)).key == parse_address(broker.address).key
        asyncio.run(sign_up(broker.address, home, "alice"))


def test_200_connections_that_stay_do_not_keep_an_honest_caller_waiting() -> None:
    place = ("127.0.0.1", free_port())
    with probe_at(*place), ExitStack() as peers:
        for _ in range(200):
            peers.enter_context(socket.create_connection(place, PATIENCE))
        assert card_from(place) == pack_key_card(KEY)


def test_what_was_said_before_reading_does_not_cost_the_card(place: tuple[str, int]) -> None:
    with socket.create_connection(place, PATIENCE) as caller:
        caller.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert caller.recv(1, socket.MSG_PEEK), "the card is here"
        caller.sendall(bytes(500))
        assert unpack_key_card(caller.recv(MAX_KEY_CARD)).key
        assert caller.recv(1) == b"", "an end, and no reset"


def test_a_slow_reader_gets_the_card_after_others(place: tuple[str, int]) -> None:
    with socket.create_connection(place, PATIENCE) as slow:
        for _ in range(HELD + 10):  # it loses its room meanwhile
            card_from(place)
        assert unpack_key_card(slow.recv(MAX_KEY_CARD)).key
        assert slow.recv(1) == b""


def test_no_more_connections_are_held_than_allowed_and_none_for_ever() -> None:
    for patience in (STAYS, 0.1):
        place = ("127.0.0.1", free_port())
        with probe_at(*place, patience) as probe, ExitStack() as peers:
            for _ in range(HELD + 30):
                peer = peers.enter_context(socket.create_connection(place, PATIENCE))
                peer.sendall(b"words")
                assert peer.recv(MAX_KEY_CARD)
            left = HELD if patience == STAYS else 0
            eventually(lambda probe=probe, left=left: len(probe._held) == left)  # type: ignore[misc]


def test_a_peer_that_hangs_up_makes_room_at_once() -> None:
    port = free_port()
    with probe_at("127.0.0.1", port) as probe:
        card_from(("127.0.0.1", port))
        eventually(lambda: not probe._held)


def test_a_flood_costs_no_more_than_its_pace() -> None:
    port = free_port()
    with probe_at("127.0.0.1", port):
        began = time.monotonic()
        for _ in range(20 * BATCH):
            card_from(("127.0.0.1", port))
        assert time.monotonic() - began > 18 * INTERVAL


def test_stopping_hangs_up_on_those_who_are_held_and_leaks_no_descriptor(tmp_path: Path) -> None:
    config = broker_config(tmp_path / "data")
    with ExitStack() as peers:
        held = []
        before = 0
        for count in range(2):  # the first brings what stays: loggers, libraries
            with BrokerThread(config):
                for _ in range(30):
                    peer = peers.enter_context(socket.create_connection(("127.0.0.1", config.port + PROBE)))
                    peer.settimeout(PATIENCE)
                    assert peer.recv(MAX_KEY_CARD)
                    held.append(peer)
            after = len(list(Path("/proc/self/fd").iterdir()))
            assert count == 0 or after == before + 30
            before = after
        assert all(peer.recv(1) == b"" for peer in held)


def test_a_broker_that_never_ran_lets_go_of_the_port(tmp_path: Path) -> None:
    config = broker_config(tmp_path / "data")
    BrokerThread(config).broker.close()
    with BrokerThread(config):
        assert card_from(("127.0.0.1", config.port + PROBE))


def test_a_shortage_of_descriptors_is_waited_out(capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    with probe_at("127.0.0.1", port) as probe, socket.socket() as caller:
        assert probe._thread.ident is not None
        clock = time.pthread_getcpuclockid(probe._thread.ident)
        caller.settimeout(2.5 * SHORT_OF_DESCRIPTORS)
        with no_descriptors():
            worked = time.clock_gettime(clock)
            caller.connect(("127.0.0.1", port))
            with pytest.raises(TimeoutError):
                caller.recv(1)
            assert time.clock_gettime(clock) - worked < SHORT_OF_DESCRIPTORS / 2, "it does not spin"
        caller.settimeout(PATIENCE)
        assert caller.recv(MAX_KEY_CARD) == pack_key_card(KEY)
    assert capsys.readouterr().out.count("the key probe cannot answer") == 1


def test_a_taken_port_names_itself() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(BindError, match=f"port {port} .*taken"):
        KeyProbe("127.0.0.1", port, KEY, time.monotonic, structlog.get_logger())


@pytest.mark.parametrize(("bound", "asked"), [("::1", "::1"), ("::", "127.0.0.1"), ("0.0.0.0", "localhost")])  # noqa: S104 - must be seen from everywhere
def test_ipv6_and_names(bound: str, asked: str) -> None:
    port = free_port()
    with probe_at(bound, port):
        card = asyncio.run(fetch_key_card(Address(asked, port - PROBE, None), PATIENCE))
    assert card.key == KEY


# -- the client's side: whoever answers may be anybody ---------------------------------------------


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[Address]:
    """An address whose probe does what `answer` does with each caller."""
    port = free_port()
    listener = socket.create_server(("127.0.0.1", port + PROBE))

    def serve() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            with caller:
                try:
                    answer(caller)
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield Address("127.0.0.1", port, None)
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(PATIENCE)


def asked(address: Address, seconds: float) -> CnMessageError:
    """The error that asking ends with, on the loop that long-lived clients use."""
    with pytest.raises(CnMessageError) as caught, asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(fetch_key_card(address, seconds))
    return caught.value


def trickle(caller: socket.socket) -> None:
    pause = threading.Event()
    for each in pack_key_card(KEY):
        caller.sendall(bytes([each]))
        pause.wait(0.2)


def never_end(caller: socket.socket) -> None:
    caller.sendall(pack_key_card(KEY))
    caller.recv(1)


@pytest.mark.parametrize("answer", [trickle, never_end])
def test_an_answer_without_an_end_is_given_up_at_the_deadline(
    answer: Callable[[socket.socket], None],
) -> None:
    with answering(answer) as address:
        error = asked(address, 0.6)
        assert error.code is ErrorCode.UNREACHABLE
        assert error.exit_status == 3


def endless(caller: socket.socket) -> None:
    while True:
        caller.sendall(bytes(65536))


def banner(caller: socket.socket) -> None:
    caller.sendall(b"220 mail.example.org ESMTP\r\n")


def bare(caller: socket.socket) -> None:
    caller.sendall(pack_key_card(KEY[:31]))


@pytest.mark.parametrize("answer", [endless, banner, bare])
def test_what_is_no_key_card_is_refused_at_once(answer: Callable[[socket.socket], None]) -> None:
    with answering(answer) as address:
        assert isinstance(asked(address, PATIENCE), ProtocolError)


def test_a_broker_that_starts_within_the_deadline_is_met() -> None:
    port = free_port()

    async def scenario() -> bytes:
        asking = asyncio.create_task(fetch_key_card(Address("127.0.0.1", port, None), PATIENCE))
        await asyncio.sleep(0)  # it finds nobody there
        with await asyncio.to_thread(lambda: probe_at("127.0.0.1", port + PROBE)):
            return (await asking).key

    assert asyncio.run(scenario()) == KEY


def test_the_addresses_of_a_name_are_tried_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()

    async def scenario() -> bytes:
        loop = asyncio.get_running_loop()

        async def two(*_: object, **__: object) -> list[object]:
            silent = socket.AF_INET, socket.SOCK_STREAM, 6, "", mute.getsockname()
            return [silent, (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        # A name with two addresses is the resolver's to give; no machine has one for certain.
        monkeypatch.setattr(loop, "getaddrinfo", two)
        return (await fetch_key_card(Address("two.example", 1, None), 2.0)).key

    with socket.create_server(("127.0.0.1", 0)) as mute, probe_at("127.0.0.1", port):
        assert asyncio.run(scenario()) == KEY
