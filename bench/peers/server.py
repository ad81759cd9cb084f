"""A peer's server as a private process: in a folder of its own, on 127.0.0.1, ended whatever happens."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import BenchError

START_PATIENCE = 90.0
"""Seconds until it must listen; RabbitMQ takes ten on an idle machine."""

STOP_PATIENCE = 20.0
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"


@dataclass(frozen=True, slots=True)
class Command:
    """How it is started, and what has to be done once it has ended."""

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    afterwards: Sequence[str] = ()


def found(program: str) -> str | None:
    """Where the program is installed, None where it is not. Servers often stand outside a user's PATH."""
    return shutil.which(program, path=_PATH)


def version_of(program: str) -> str:
    """The program's version, from Debian's package of that name; empty where that cannot be had."""
    try:
        told = subprocess.run(
            ["dpkg-query", "--show", "--showformat", "${Version}", program],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
    except OSError:  # no Debian
        return ""
    upstream = re.search(r"\d+(\.\d+)+", told.stdout)
    return upstream[0] if upstream else ""


@contextmanager
def running(command: Command, folder: Path, port: int) -> Iterator[None]:
    """Start it, wait until it listens, end it and all its children."""
    environment = {**os.environ, "PATH": _PATH, "HOME": str(folder), **command.environment}
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command.words,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    try:
        _wait_until_it_listens(process, Path(command.words[0]).name, port, log)
        yield
    finally:
        _end(process)
        if command.afterwards:
            subprocess.run(command.afterwards, env=environment, check=False, capture_output=True, timeout=30)


def _wait_until_it_listens(process: "subprocess.Popen[bytes]", name: str, port: int, log: Path) -> None:
    deadline = time.monotonic() + START_PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    last = log.read_text(encoding="utf-8", errors="replace")[-500:].strip()
    raise BenchError(f"{name} does not listen; its last words were: {last}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """The group is its own, so nothing else is met."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
