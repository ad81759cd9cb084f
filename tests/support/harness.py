"""Real brokers for tests: in a thread, where a test looks inside, or as a process, where it is killed."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Self

from argon2 import PasswordHasher

from cnmessage_broker.app import Broker
from cnmessage_broker.config import Config
from cnmessage_broker.loop.passwords import Passwords
from cnmessage_client import Client, Home
from tests.support.forked import Forked, start
from tests.support.patience import PATIENCE

BIN = Path(sys.executable).parent
PASSWORD = "correct horse battery"
QUICK = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
"""What a password costs where a test is not about that: nothing."""

SLICE = 512
SLICES = range(14000, 32000 - SLICE, SLICE)
"""Ports below the ephemeral range, as many as one process of tests has for itself."""


class Ports:
    """Ports that no other process of tests is given, also while nobody listens there.

    A broker that is stopped and comes back, or another in its place, must find its port as it left it. The
    first port of a slice is bound as long as this process lives, and so says that the slice is taken.
    """

    def __init__(self) -> None:
        self._held = socket.socket()
        self._first = next(each for each in SLICES if self._takes(each))
        self._last = 0

    def _takes(self, first: int) -> bool:
        try:
            self._held.bind(("127.0.0.1", first))
        except OSError:
            return False
        return True

    def next(self) -> int:
        """The first of four free ones in a row."""
        while True:
            self._last = self._last % (SLICE - 4) + 4
            port = self._first + self._last
            if all(_is_free(port + offset) for offset in range(4)):
                return port


@cache
def _ports() -> Ports:
    return Ports()


def free_port() -> int:
    """The first of four free ports in a row on 127.0.0.1, which are this process's."""
    return _ports().next()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def eventually(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until something outside any event loop holds; fail with a deadline."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        pause.wait(0.01)


def broker_config(data: Path, **settings: Any) -> Config:
    """Settings with budgets wide enough for tests that are not about budgets."""
    wide: dict[str, Any] = {"login_burst": 100_000, "address_login_burst": 100_000, "password_queue": 1000}
    return Config(data=data, **{"port": free_port(), **wide, **settings})


class BrokerThread:
    """A broker in a thread of this process; `broker` may be looked into. Its passwords cost nothing."""

    def __init__(self, config: Config, **options: Any) -> None:
        self.broker = Broker(config, **{"passwords": QUICK, **options})
        self.address = self.broker.address
        self._thread = threading.Thread(target=self.broker.run, name="broker")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.broker.stop()
        self._thread.join(PATIENCE)
        self.broker.close()


class BrokerProcess:
    """A real `cnmessage-broker start`, to be stopped, killed and started again on the same data."""

    def __init__(self, data: Path, port: int | None = None, **environment: str) -> None:
        self.data = data
        self.port = port or free_port()
        self.environment = environment
        self.descriptors: int | None = None
        self.alone = False
        """Whether it gets a session of its own, as services do: Linux shares the processor among sessions."""
        self.flags: tuple[str, ...] = ()
        self.address = ""
        self.process: subprocess.Popen[bytes] | Forked | None = None

    def start(self) -> Self:
        """Start and wait for the line that says it is ready."""
        command = [str(BIN / "cnmessage-broker"), "start", "--port", str(self.port), "--data", str(self.data)]
        command += self.flags
        self.log = (self.data.parent / f"{self.data.name}.log").open("a")
        if self.descriptors is not None:
            command = ["sh", "-c", f'ulimit -n {self.descriptors}; exec "$@"', "sh", *command]
        if self.alone:
            command = ["setsid", *command]
        wide = {
            "CNMESSAGE_BROKER_LOGIN_BURST": "100000",
            "CNMESSAGE_BROKER_ADDRESS_LOGIN_BURST": "100000",
        }
        shown, own = os.pipe()
        self._shown = os.fdopen(shown)
        with Path(os.devnull).open() as nothing:
            streams = (nothing.fileno(), own, self.log.fileno())
            self.process = start(command, {**os.environ, **wide, **self.environment}, streams)
        os.close(own)
        for line in self._shown:
            if "--broker '" in line:
                self.address = line.split("--broker '")[1].split("'")[0]
                return self
        raise AssertionError(f"the broker did not start: see {self.log.name}")

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; gives the exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE)
        self.forget()
        return status

    def forget(self) -> None:
        """It has ended: it may be started again."""
        self.process = None
        self._shown.close()
        self.log.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self._end(signal.SIGKILL)


def home_at(path: Path) -> Home:
    """A CNMESSAGE_HOME of its own."""
    return Home(path, path / "state")


async def sign_up(address: str, home: Home, *names: str) -> None:
    """Accounts with a profile each of the same name."""
    for name in names:
        async with Client(home=home, profile=name, broker=address) as client:
            await client.signup(name, PASSWORD)
