"""`cnmessage-broker health`: how a running broker is, and that none runs."""

import asyncio
import json
import os
import signal
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from cnmessage_client import Client
from tests.acceptance.conftest import Result
from tests.support.forked import BROKER, FORK
from tests.support.harness import BIN, BrokerProcess, eventually, free_port, home_at, sign_up
from tests.support.patience import PATIENCE


def ask_health(data: Path, *options: str) -> Result:
    status, out, err = FORK.run([BROKER, "health", "--data", str(data), *options], os.environ, b"", 20)
    return Result(status, out.decode(), err.decode())


@pytest.mark.slow  # what a broker said last is believed for so long
def test_a_frozen_broker_is_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with BrokerProcess(data) as running:
        assert running.process is not None
        eventually(lambda: ask_health(data).status == 0)
        running.process.send_signal(signal.SIGSTOP)
        eventually(lambda: "has said nothing" in ask_health(data).err)
        running.process.send_signal(signal.SIGCONT)
        eventually(lambda: ask_health(data).status == 0)


def test_a_running_broker_is_well_and_a_stopped_one_is_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert ask_health(data).status == 1
    with BrokerProcess(data) as running:
        eventually(lambda: ask_health(data).status == 0)
        shown = dict(line.split("\t") for line in ask_health(data).out.splitlines())
        report = json.loads(ask_health(data, "--json").out)
        assert shown["attached"] == "0"
        assert report["process"] == running.process.pid if running.process else None
        assert report["troubles"] == []
        running.kill()
        assert ask_health(data).status == 1, "a killed broker was called well"
        running.start()
        eventually(lambda: ask_health(data).status == 0)
        assert running.stop() == 0
    stopped = ask_health(data)
    assert stopped.status == 1
    assert "cnmessage-broker start" in stopped.err


@pytest.mark.slow  # reports come every five seconds
def test_a_shortage_of_descriptors_shows_and_live_users_go_on(tmp_path: Path) -> None:
    data, home = tmp_path / "data", home_at(tmp_path / "home")

    async def scenario(running: BrokerProcess) -> list[str]:
        await sign_up(running.address, home, "alice", "bob")
        async with Client(home=home, profile="alice") as alice, Client(home=home, profile="bob") as bob:
            stream = bob.messages()
            await alice.send("bob", "before")
            bodies = [(await anext(stream)).body]
            with ExitStack() as taken:
                for number in range(200):  # one address may not take all
                    source = (f"127.0.0.{number % 20 + 2}", 0)
                    place = ("127.0.0.1", running.port)
                    taken.enter_context(socket.create_connection(place, source_address=source))
                await asyncio.to_thread(eventually, lambda: ask_health(data).status == 1)
                shown = ask_health(data)
                await alice.send("bob", "meanwhile")
                bodies.append((await anext(stream)).body)
            assert "raise the limit of open files" in shown.err
            await asyncio.to_thread(eventually, lambda: ask_health(data).status == 0, 20)
            return bodies

    few = BrokerProcess(data)
    few.descriptors = 160
    with few as running:
        assert asyncio.run(scenario(running)) == ["before", "meanwhile"]
        assert running.stop() == 0
    assert "descriptors ran short" in (tmp_path / "data.log").read_text()


def test_a_temporary_directory_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    long = tmp_path / ("long" * 30)
    long.mkdir()
    command = [str(BIN / "cnmessage-broker"), "start", "--port", "30000", "--data", str(tmp_path / "data")]
    environment = {**os.environ, "TMPDIR": str(long)}
    started = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, check=False, env=environment
    )
    assert started.returncode == 1
    assert "TMPDIR" in started.stderr
    assert "Traceback" not in started.stderr


@pytest.mark.parametrize("limit", [10, 12, 16, 20, 24, 40, 100])
def test_a_broker_that_may_open_too_little_says_so_in_a_line_and_makes_nothing(
    tmp_path: Path, limit: int
) -> None:
    data = tmp_path / "data"
    start = f'ulimit -n {limit}; exec {BIN}/cnmessage-broker start --port {free_port()} --data "{data}"'
    done = subprocess.run(["sh", "-c", start], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (1, ""), done
    (line,) = done.stderr.splitlines()
    assert "ulimit -n" in line
    assert not data.exists()
