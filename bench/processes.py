"""Starting the parties of a run as processes of their own, and talking to them over their pipes.

A party prints `ready`, waits for a line when it has to, and ends with one line of JSON.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any, Self

PATIENCE = 120.0
"""Seconds one party may take; after that it is killed and the run fails."""

_ports = count(20_000 + os.getpid() % 2500 * 4, 4)
"""Two runs at a time look in different places: a port is free until a broker has started."""


class BenchError(Exception):
    """A party did not do its part; the text says which."""


class Party:
    """A process that takes part in a run: `python -m MODULE ROLE SETTINGS`, or any other command."""

    def __init__(self, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        self.name = " ".join(command[-3:])[:80]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if environment and environment.get("BENCH_QUIET") else None,
            text=True,
            env=None if environment is None else dict(environment),
        )

    @classmethod
    def role(cls, module: str, role: str, **settings: Any) -> Self:
        """One of our own parties, started and waited for until it is ready."""
        party = cls.begun(module, role, **settings)
        party.wait_for("ready")
        return party

    @classmethod
    def begun(cls, module: str, role: str, **settings: Any) -> Self:
        """One of our own parties, started only: for several that get ready at the same time."""
        return cls([sys.executable, "-m", module, role, json.dumps(settings)])

    def wait_for(self, text: str) -> str:
        """The first line that holds `text`."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if text in line:
                return line
        raise BenchError(f"{self.name} ended before it said '{text}'")

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def lines(self) -> Iterator[str]:
        """All that it says from now on, until it ends."""
        assert self._process.stdout is not None
        yield from self._process.stdout

    def must_run(self) -> None:
        """BenchError when it has ended: a load that is over is none."""
        if self._process.poll() is not None:
            raise BenchError(f"{self.name} ended before it was told to")

    def signal(self, number: int) -> int:
        """Send it a signal that ends it; gives its exit status."""
        self._process.send_signal(number)
        return self._process.wait(PATIENCE)

    def go(self) -> None:
        """Let a ready party begin."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def result(self) -> dict[str, Any]:
        """What the party found out; it ends with that."""
        try:
            out, _ = self._process.communicate(timeout=PATIENCE)
            return dict(json.loads(out.strip().splitlines()[-1]))
        except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
            raise BenchError(f"{self.name} gave no result: {error}") from error

    def end(self) -> None:
        """Stop it if it still runs."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def ended(*parties: Party) -> Iterator[None]:
    """End these parties whatever happens."""
    try:
        yield
    finally:
        for party in parties:
            party.end()


def ready() -> None:
    """Tell the parent that this party may be let go."""
    print("ready", flush=True)


def wait_for_go() -> None:
    """Wait for the parent's word."""
    sys.stdin.readline()


def report(**found: Any) -> None:
    """Tell the parent what this party found out."""
    print(json.dumps(found), flush=True)


def settings() -> dict[str, Any]:
    """What the parent told this party on its command line."""
    return dict(json.loads(sys.argv[2]))


def free_port() -> int:
    """The first of four free ports in a row on 127.0.0.1, below the ephemeral range."""
    for port in _ports:
        if all(_is_free(port + offset) for offset in range(4)):
            return port
    raise BenchError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
