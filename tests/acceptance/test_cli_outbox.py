"""What becomes of a message whose acknowledgement never came, over the life of several commands."""

import asyncio
import selectors
import signal
import socket
import threading
from pathlib import Path
from typing import Self

import pytest

from cnmessage_client import Client, CnMessageError, Home
from cnmessage_client.address import parse_address
from cnmessage_client.known_brokers import KnownBrokers
from cnmessage_client.link.outbox import Outbox
from cnmessage_protocol.conversation import from_wire
from cnmessage_protocol.ids import ClientId, uuid7
from cnmessage_protocol.records import NewMessage
from tests.acceptance.conftest import Cli, Result
from tests.support.harness import BrokerProcess, eventually, free_port
from tests.support.patience import PATIENCE

_LARGE = "x" * 20_000


class OneWay:
    """A TCP relay that lets no answer through any more once a large message went to the broker."""

    def __init__(self, address: str) -> None:
        place = parse_address(address)
        self._target = (place.host, place.port)
        self._listener = socket.create_server(("127.0.0.1", free_port()))
        self.address = address.replace(f":{place.port}#", f":{self._listener.getsockname()[1]}#")
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._pairs: dict[socket.socket, tuple[socket.socket, bool]] = {}
        self._upward = 0
        self._thread = threading.Thread(target=self._relay)

    def _relay(self) -> None:
        while True:
            for key, _ in self._selector.select():
                source = key.fileobj
                assert isinstance(source, socket.socket)
                if source is self._woken:
                    return
                if source is self._listener:
                    self._accept()
                else:
                    self._pass_on(source)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        broker = socket.create_connection(self._target)
        for source, target, upward in ((client, broker, True), (broker, client, False)):
            self._pairs[source] = (target, upward)
            self._selector.register(source, selectors.EVENT_READ)

    def _pass_on(self, source: socket.socket) -> None:
        target, upward = self._pairs[source]
        try:
            data = source.recv(65536)
            if upward:
                self._upward += len(data)
            if data and (upward or self._upward < len(_LARGE)):
                target.sendall(data)
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(source)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wake.send(b"x")
        self._thread.join(PATIENCE)
        for each in (*self._pairs, self._listener, self._wake, self._woken):
            each.close()
        self._selector.close()


def _waiting(home: Home, name: str) -> list[Path]:
    return list(home.profile(name).outbox.glob("*"))


def _outgoing(number: int, to: str, body: str) -> NewMessage:
    identity = uuid7(number, number.to_bytes(10, "big"))
    return NewMessage(ClientId(identity), (from_wire(to),), body)


def _bodies(cli: Cli, profile: str) -> list[str]:
    return [each["body"] for each in cli.ok("--profile", profile, "history", "--json").objects]


def test_what_was_said_not_to_be_sent_is_not_sent_later(cli: Cli, town: BrokerProcess) -> None:
    cli.accounts("down1", "down2")
    town.kill()
    result = cli("--profile", "down1", "--timeout", "0.5", "send", "down2", "into the void")
    assert result.status == 3
    assert "was not sent" in result.err
    assert _waiting(cli.home, "down1") == []
    town.start()
    cli.ok("--profile", "down1", "send", "down2", "this one")
    assert _bodies(cli, "down2") == ["this one"]


def test_what_may_have_arrived_is_kept_and_confirmed_by_the_next_command_once(cli: Cli) -> None:
    cli.accounts("maybe1", "maybe2")
    with OneWay(cli.address) as relay:
        command = ("--profile", "maybe1", "--broker", relay.address, "--timeout", "1")
        result: Result = cli(*command, "send", "maybe2", _LARGE)
    assert result.status == 3
    # It did arrive; only the answer did not.
    assert _bodies(cli, "maybe2") == [_LARGE]
    assert "was not sent" not in result.err
    assert "may have arrived" in result.err
    assert len(_waiting(cli.home, "maybe1")) == 1
    cli.ok("--profile", "maybe1", "whoami")
    assert _waiting(cli.home, "maybe1") == []
    assert _bodies(cli, "maybe2") == [_LARGE]


def test_what_may_have_arrived_is_not_said_to_be_unsent_when_the_link_was_lost_meanwhile(cli: Cli) -> None:
    cli.accounts("lost1", "lost2")

    async def send(address: str) -> str:
        async with Client(home=cli.home, profile="lost1", broker=address, timeout=1.5) as client:
            sending = asyncio.create_task(client.send("lost2", _LARGE))
            while not await asyncio.to_thread(_bodies, cli, "lost2"):
                pass
            client.cut(60.0)
            with pytest.raises(CnMessageError) as caught:
                await sending
            return caught.value.message

    with OneWay(cli.address) as relay:
        text = asyncio.run(send(relay.address))
    assert "was not sent" not in text
    cli.ok("--profile", "lost1", "whoami")
    assert _bodies(cli, "lost2") == [_LARGE]


def test_a_dead_clients_message_is_sent_by_the_next_command_even_with_a_torn_tail(cli: Cli) -> None:
    cli.accounts("dead1", "dead2")
    folder = cli.home.profile("dead1").outbox
    left = Outbox(folder, "dead1", "1-killed")
    left.add([_outgoing(1, "dead2", "one"), _outgoing(2, "dead2", "two"), _outgoing(3, "dead2", "torn")])
    (path,) = folder.glob("*.outbox")
    path.write_bytes(path.read_bytes()[:-3])
    # Alive: its file is locked, so no other process may take it over.
    cli.ok("--profile", "dead1", "whoami")
    assert _bodies(cli, "dead2") == []
    assert path.exists()
    left.close()
    cli.ok("--profile", "dead1", "whoami")
    assert _bodies(cli, "dead2") == ["one", "two"]
    assert _waiting(cli.home, "dead1") == []


SENDS = (("send", "{peer}", "hi"), ("broadcast", "hi"), ("send", "{peer}", "hi", "--wait", "read"))


@pytest.mark.parametrize("words", SENDS)
def test_what_another_broker_would_have_got_is_taken_back_and_said_to_be(
    cli: Cli, words: tuple[str, ...]
) -> None:
    me, peer = f"wrong{SENDS.index(words)}", f"right{SENDS.index(words)}"
    cli.accounts(me, peer)
    known, place = KnownBrokers(cli.home), parse_address(cli.address)._replace(key=None)
    key = known.key_of(place)
    assert key is not None
    known.pin(place, bytes(range(32)))
    command = ("--profile", me, "--broker", place.place, *(each.format(peer=peer) for each in words))
    result = cli(*command)
    assert result.status == 4
    assert result.err.endswith("The message was not sent.\n")
    assert _waiting(cli.home, me) == []
    known.pin(place, key)
    cli.ok("--profile", me, "whoami")
    assert _bodies(cli, peer) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_send_takes_back_what_never_left_and_says_so(
    cli: Cli, town: BrokerProcess, number: signal.Signals
) -> None:
    me, peer = f"stop{number.value}", f"peer{number.value}"
    cli.accounts(me, peer)
    assert town.process is not None
    town.process.send_signal(signal.SIGSTOP)
    try:
        with cli.start("--profile", me, "--timeout", "60", "send", peer, "hi") as send:
            eventually(lambda: bool(_waiting(cli.home, me)))
            result = send.end(number)
    finally:
        town.process.send_signal(signal.SIGCONT)
    assert (result.status, result.err.strip()) == (130, "interrupted. The message was not sent.")
    assert _waiting(cli.home, me) == []
    cli.ok("--profile", me, "whoami")
    assert _bodies(cli, peer) == []


def test_an_interrupted_send_that_may_have_arrived_says_so_and_is_confirmed_later(cli: Cli) -> None:
    cli.accounts("perhaps1", "perhaps2")
    with OneWay(cli.address) as relay:
        command = ("--profile", "perhaps1", "--broker", relay.address, "--timeout", "60")
        with cli.start(*command, "send", "perhaps2", _LARGE) as send:
            eventually(lambda: _bodies(cli, "perhaps2") == [_LARGE])
            result = send.end(signal.SIGINT)
    assert result.status == 130
    assert "may have arrived" in result.err
    cli.ok("--profile", "perhaps1", "whoami")
    assert _waiting(cli.home, "perhaps1") == []
    assert _bodies(cli, "perhaps2") == [_LARGE]


def test_an_interrupted_wait_says_that_the_message_is_stored(cli: Cli) -> None:
    cli.accounts("waits1", "waits2")
    with cli.start(
        "--profile", "waits1", "--timeout", "60", "send", "waits2", "hi", "--wait", "read"
    ) as send:
        eventually(lambda: _bodies(cli, "waits2") == ["hi"])
        eventually(lambda: _waiting(cli.home, "waits1") == [] or _sizes(cli.home, "waits1") == [0])
        result = send.end(signal.SIGINT)
    told = "Stopped waiting. The message is stored, and may still arrive."
    assert (result.status, result.err.strip()) == (130, told)


def test_what_waits_for_a_login_is_not_said_to_be_refused(cli: Cli, password_file: str) -> None:
    cli.accounts("later1", "later2")
    left = Outbox(cli.home.profile("later1").outbox, "later1", "1-killed")
    left.add([_outgoing(9, "later2", "left behind")])
    left.close()
    (row,) = cli.ok("--profile", "later1", "devices").rows  # this sends it
    assert _bodies(cli, "later2") == ["left behind"]
    left = Outbox(cli.home.profile("later1").outbox, "later1", "2-killed")
    left.add([_outgoing(10, "later2", "and another")])
    left.close()
    cli.ok("--profile", "later1-phone", "login", "later1", "--password-file", password_file)
    asyncio.run(_revoke(cli, int(row[0])))
    refused = cli("--profile", "later1", "send", "later2", "now")
    assert refused.status == 4
    assert "was refused" not in refused.err
    (kept,) = _waiting(cli.home, "later1")
    assert b"and another" in kept.read_bytes()
    cli.ok("--profile", "later1", "login", "later1", "--password-file", password_file)
    cli.ok("--profile", "later1", "whoami")
    assert _bodies(cli, "later2") == ["left behind", "and another"]


async def _revoke(cli: Cli, device: int) -> None:
    async with Client(home=cli.home, profile="later1-phone", broker=cli.address) as client:
        await client.revoke(device)


def _sizes(home: Home, name: str) -> list[int]:
    return [path.stat().st_size for path in _waiting(home, name)]


def test_a_killed_sender_loses_and_doubles_nothing(cli: Cli, town: BrokerProcess) -> None:
    cli.accounts("kill1", "kill2")
    town.kill()
    with cli.start("--profile", "kill1", "--timeout", "60", "send", "kill2", "hi") as send:
        eventually(lambda: bool(_waiting(cli.home, "kill1")))
        send.process.kill()
        assert send.finish().status == -9
    town.start()
    cli.ok("--profile", "kill1", "users")
    assert _bodies(cli, "kill2") == ["hi"]
    assert _waiting(cli.home, "kill1") == []


def test_another_user_of_the_same_profile_does_not_send_what_the_first_left(
    cli: Cli, password_file: str
) -> None:
    cli.accounts("first1", "second1")
    left = Outbox(cli.home.profile("first1").outbox, "first1", "1-killed")
    left.add([_outgoing(7, "second1", "from the first")])
    left.close()
    # Logging out would send it, so the profile changes hands as it does when a session was revoked.
    asyncio.run(_change_hands(cli))
    cli.ok("--profile", "first1", "whoami")
    assert _bodies(cli, "second1") == []
    assert len(_waiting(cli.home, "first1")) == 1


async def _change_hands(cli: Cli) -> None:
    profile = cli.home.profile("first1")
    profile.remember(broker=profile.broker, user=None)
    async with Client(home=cli.home, profile="first1", broker=cli.address) as client:
        await client.login("second1", "correct horse battery")
