"""The two programs as processes: through pipes, as scripts see them, and in a pseudo-terminal, as people do.

One broker process serves a whole module; each test works with users of its own, so that none sees another's.
"""

import asyncio
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest

from cnmessage_client import Home
from tests.support.forked import FORK, start, suits
from tests.support.harness import BIN, PASSWORD, BrokerProcess, home_at, sign_up
from tests.support.patience import PATIENCE
from tests.support.terminal import start_in_terminal


class Result(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """Lines of stdout."""
        return self.out.splitlines()

    @property
    def rows(self) -> list[list[str]]:
        """Fields of stdout, line by line."""
        return [line.split("\t") for line in self.lines]

    @property
    def objects(self) -> list[dict[str, Any]]:
        """JSON Lines of stdout."""
        return [json.loads(line) for line in self.lines]

    @property
    def error(self) -> dict[str, Any]:
        """The one JSON error on stderr."""
        (line,) = self.err.splitlines()
        (key, value) = next(iter(json.loads(line).items()))
        assert key == "error"
        return dict(value)


@dataclass(frozen=True)
class Cli:
    """Runs `cnmessage` in a CNMESSAGE_HOME of its own, with one profile a user."""

    home: Home
    address: str
    extra: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        """Nothing of the caller's own settings gets through, only PATH, locale and what is said here."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        own = {"CNMESSAGE_HOME": str(self.home.config), "CNMESSAGE_BROKER": self.address}
        return {**kept, **own, **self.extra, **more}

    def __call__(self, *arguments: str, stdin: str | bytes = b"", **environment: str) -> Result:
        """Run to the end through pipes."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        command, own = [str(BIN / "cnmessage"), *arguments], self.environment(**environment)
        if not suits(own):
            done = subprocess.run(
                command, input=data, capture_output=True, env=own, timeout=PATIENCE, check=False
            )
            return Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        status, out, err = FORK.run(command, own, data, PATIENCE)
        return Result(status, out.decode(), err.decode())

    def ok(self, *arguments: str, stdin: str | bytes = b"", **environment: str) -> Result:
        """Run; it must succeed."""
        result = self(*arguments, stdin=stdin, **environment)
        assert result.status == 0, f"{arguments} exited {result.status}: {result.err}"
        return result

    def accounts(self, *names: str) -> None:
        """Users with a profile of the same name each; faster than the command line, which others test."""
        asyncio.run(sign_up(self.address, self.home, *names))

    def start(self, *arguments: str, **environment: str) -> "Running":
        """Start a command that goes on."""
        return Running([str(BIN / "cnmessage"), *arguments], self.environment(**environment))

    def terminal(self, *arguments: str, **environment: str) -> "Terminal":
        """Start in a pseudo-terminal."""
        return Terminal([str(BIN / "cnmessage"), *arguments], self.environment(TERM="xterm", **environment))


class Running:
    """A process whose stdout and stderr are read line by line, with deadlines."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        out, own_out = os.pipe()
        err, own_err = os.pipe()
        with Path(os.devnull).open() as nothing:
            self.process = start(command, environment, (nothing.fileno(), own_out, own_err))
        os.close(own_out)
        os.close(own_err)
        self._streams = {"stdout": out, "stderr": err}
        self._rest: dict[str, bytes] = {"stdout": b"", "stderr": b""}

    def line(self, stream: str = "stdout") -> str:
        """The next line; fails when none comes."""
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self._rest[stream]:
            chunk = self._read(stream, deadline)
            assert chunk, f"no further line on {stream}; there is {self._rest[stream]!r}"
        line, _, self._rest[stream] = self._rest[stream].partition(b"\n")
        return line.decode()

    def _read(self, stream: str, deadline: float) -> bytes:
        descriptor = self._streams[stream]
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        chunk = os.read(descriptor, 65536) if ready else b""
        self._rest[stream] += chunk
        return chunk

    def wait_for(self, text: str, stream: str = "stderr") -> str:
        """The next line that holds `text`."""
        while text not in (line := self.line(stream)):
            pass
        return line

    def end(self, number: signal.Signals = signal.SIGINT) -> Result:
        """Send a signal; gives what was not read yet."""
        self.process.send_signal(number)
        return self.finish()

    def finish(self) -> Result:
        """Wait for the end; gives what was not read yet."""
        out, err = self.rest()
        return Result(self.process.wait(PATIENCE), out.decode(), err.decode())

    def rest(self) -> tuple[bytes, bytes]:
        """What comes until both streams are at their end and was not read yet."""
        deadline = time.monotonic() + PATIENCE
        while self._read("stdout", deadline):
            pass
        while self._read("stderr", deadline):
            pass
        return self._rest["stdout"], self._rest["stderr"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        for descriptor in self._streams.values():
            os.close(descriptor)


class Terminal:
    """A process in a pseudo-terminal of 80 columns; what it shows is in `shown`, escapes and all."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self.process, self._side = start_in_terminal(command, environment, 80, 24)
        self.shown = ""

    def enter(self, text: str) -> None:
        """What a person types."""
        os.write(self._side, text.encode())

    def until(self, text: str) -> str:
        """Wait until it shows `text`; gives all that was shown so far."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert self._read(deadline), f"{text!r} was never shown, but {self.shown!r}"
        return self.shown

    def finish(self) -> int:
        """Read to the end; gives the exit status."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        return self.process.wait(PATIENCE)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._side], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing more was shown in time, after {self.shown!r}"
        try:
            data = os.read(self._side, 65536)
        except OSError:  # Linux says EIO when the other side is closed
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        os.close(self._side)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """A broker process for a whole module."""
    with BrokerProcess(tmp_path_factory.mktemp("town") / "broker") as running:
        yield running


@pytest.fixture
def cli(town: BrokerProcess, tmp_path: Path) -> Cli:
    """The command line, with an empty home."""
    return Cli(home_at(tmp_path / "home"), town.address)


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    """A file with the password every test account has."""
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    return str(path)
