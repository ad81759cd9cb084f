"""Starting where one may not, stopping under load, and a broker that is not there."""

import asyncio
import os
import signal
import socket
import time
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from cnmessage_broker.app import DATABASE
from cnmessage_client import Client, CnMessageError, ErrorCode, Home
from cnmessage_client.client import DEFAULT_TIMEOUT
from tests.faults.checker import check
from tests.faults.crew import Member, crew, refusal
from tests.support.forked import BROKER, FORK
from tests.support.harness import BrokerProcess, free_port, sign_up
from tests.support.patience import PATIENCE


def _start(data: Path, port: int) -> tuple[int, bytes, bytes]:
    command = [BROKER, "start", "--port", str(port), "--data", str(data)]
    return FORK.run(command, os.environ, b"", PATIENCE)


def _assert_one_clear_line(ended: tuple[int, bytes, bytes], *words: str) -> None:
    status, out, err = ended
    assert status not in {0, -signal.SIGABRT, -signal.SIGSEGV}
    assert out == b""
    (line,) = err.decode().splitlines()
    assert line.startswith("cnmessage-broker: ")
    for word in words:
        assert word in line


def test_a_second_broker_on_the_same_data_refuses(broker_process: BrokerProcess) -> None:
    ended = _start(broker_process.data, free_port())
    _assert_one_clear_line(ended, "another broker is running", str(broker_process.data), "--data")


@pytest.mark.parametrize("offset", [0, 1, 3])
def test_a_taken_port_is_named(tmp_path: Path, offset: int) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port + offset)):
        ended = _start(tmp_path / "data", port)
    _assert_one_clear_line(ended, f"port {port + offset}", "taken", "--port")


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for data in (tmp_path / "file", tmp_path / "file" / "below"):
        _assert_one_clear_line(_start(data, free_port()), "cannot write", str(data), "--data")


def test_an_unwritable_data_directory_is_refused(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    if os.geteuid() == 0:  # root may write there
        closed = Path("/proc/nowhere")
    for data in (closed, closed / "below"):
        _assert_one_clear_line(_start(data, free_port()), "cannot write", str(data), "--data")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_under_load_stops_with_status_0_and_keeps_what_was_acknowledged(
    broker_process: BrokerProcess,
    home: Home,
    number: signal.Signals,
) -> None:
    async def scenario() -> list[Member]:
        await sign_up(broker_process.address, home, "alice", "bob")
        async with crew(home, "alice", "bob") as members:
            alice, _bob = members
            for count in range(2000):
                alice.send("bob", f"body {count}")
            while len(alice.journal.acked) < 100:
                await asyncio.wait_for(alice.news.wait(), PATIENCE)
                alice.news.clear()
            assert await asyncio.to_thread(broker_process._end, number) == 0
            await asyncio.to_thread(broker_process.start)
            await asyncio.wait_for(alice.settled(), PATIENCE)
            await asyncio.gather(*(each.shown(2000) for each in members))
            return members

    members = asyncio.run(scenario())
    assert broker_process.stop() == 0
    assert check(broker_process.data / DATABASE, [each.journal for each in members]) == []


def _nobody_at(port: int) -> str:
    return f"cnm://127.0.0.1:{port}#{urlsafe_b64encode(bytes(range(32))).decode()}"


@pytest.mark.parametrize("listens", [False, True], ids=["refused", "silent"])
def test_an_unreachable_broker_is_an_error_within_the_deadline(home: Home, listens: bool) -> None:
    port = free_port()

    async def scenario() -> list[CnMessageError]:
        async with Client(home=home, profile="alice", broker=_nobody_at(port), timeout=1.0) as client:
            return [
                await refusal(client.whoami()),
                await refusal(client.login("alice", "a password")),
                await refusal(client.send("bob", "hello")),
            ]

    listener = socket.create_server(("127.0.0.1", port if listens else 0))
    with listener:
        started = time.monotonic()
        errors = asyncio.run(scenario())
        took = time.monotonic() - started
    assert [error.code for error in errors] == [ErrorCode.UNREACHABLE] * 3
    assert all(error.exit_status == 3 for error in errors)
    assert "was not sent" in errors[-1].message
    assert took < 3 * DEFAULT_TIMEOUT
    outbox = home.profile("alice").outbox
    assert not outbox.exists() or list(outbox.iterdir()) == []


@pytest.mark.parametrize("listens", [False, True], ids=["refused", "silent"])
def test_a_broker_never_met_that_does_not_answer_is_an_error_within_the_deadline(
    home: Home, listens: bool
) -> None:
    port = free_port()

    async def scenario() -> None:
        await Client(home=home, profile="alice", broker=f"127.0.0.1:{port}", timeout=1.0).connect()

    with socket.create_server(("127.0.0.1", port + 3 if listens else 0)):
        started = time.monotonic()
        with pytest.raises(CnMessageError) as caught:
            asyncio.run(scenario())
    assert caught.value.code is ErrorCode.UNREACHABLE
    assert time.monotonic() - started < DEFAULT_TIMEOUT
