"""One file of 2 GiB: it arrives as it was, and neither side needs memory for it."""

import asyncio
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from cnmessage_client import SyncClient
from tests.support.harness import BIN, BrokerProcess, home_at, sign_up
from tests.support.memory import most_memory

SIZE = (2 << 30) + 1
SMALL = 1 << 20
MOST_MORE = 96 << 20
"""Bytes: a window of chunks, what stands in the queues of sockets, and what an allocator keeps."""


def made(path: Path, size: int) -> str:
    """A file without two equal pages, most of it quickly; gives its SHA-256."""
    digest, piece = hashlib.sha256(), os.urandom(1 << 20)
    with path.open("wb") as file:
        for place in range(0, size, len(piece)):
            part = (place.to_bytes(8, "big") + piece)[: min(len(piece), size - place)]
            file.write(part)
            digest.update(part)
    return digest.hexdigest()


def peak_of(pid: int) -> int:
    """Most bytes that a process had in memory so far."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) << 10


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_two_gibibytes_arrive_as_they_were_and_need_no_memory(tmp_path: Path) -> None:
    home = home_at(tmp_path / "home")
    with BrokerProcess(tmp_path / "data") as broker:
        asyncio.run(sign_up(broker.address, home, "alice", "bob"))
        assert broker.process is not None
        environment = {
            **os.environ,
            "CNMESSAGE_HOME": str(home.config),
            "CNMESSAGE_BROKER": broker.address,
        }

        def run(profile: str, *words: str) -> int:
            """Most bytes of memory that the command took."""
            command = [str(BIN / "cnmessage"), "--profile", profile, "--quiet", *words]
            process = subprocess.Popen(command, env=environment)
            most = most_memory(process, 240)
            assert process.returncode == 0
            return int(most * (1 << 20))

        def both(name: str, size: int) -> tuple[int, int]:
            digest = made(tmp_path / name, size)
            sent = run("alice", "files", "send", "bob", str(tmp_path / name))
            with SyncClient(home=home, profile="bob", broker=broker.address) as bob:
                info = bob.files(sent=False)[0]
            assert (info.size, info.sha256) == (size, digest)
            (tmp_path / name).unlink()
            got = run("bob", "files", "get", info.id, "-o", str(tmp_path))
            with (tmp_path / info.name).open("rb") as file:
                assert hashlib.file_digest(file, "sha256").hexdigest() == digest
            (tmp_path / name).unlink()
            return sent, got

        before = both("small.bin", SMALL)
        broker_before = peak_of(broker.process.pid)
        after = both("large.bin", SIZE)
        more = [peak_of(broker.process.pid) - broker_before, after[0] - before[0], after[1] - before[1]]
    assert max(more) < MOST_MORE, f"broker, sender and receiver took {more} bytes more"
