"""Files as users move them: the client library and a real broker process, and `scp` on the same machine.

python -m bench.files transfer|load SETTINGS
"""

import asyncio
import getpass
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.broker import running_broker
from bench.memory import warm
from bench.processes import Party, ended, free_port, ready, report, settings, wait_for_go
from bench.product import client_of, latency_of, sign_up

_MIB = 1 << 20


def measure(folder: Path, size: int) -> tuple[float, float]:
    """MiB per second of an upload and of the download of the same file, everything on disk at the end."""
    with running_broker(folder / "broker") as broker:
        place = {"home": str(folder / "home"), "broker": broker.address, "folder": str(folder), "size": size}
        party = Party.role("bench.files", "transfer", **place)
        with ended(party):
            party.go()
            found = party.result()
            return found["upload"], found["download"]


def measure_latency(folder: Path, messages: int, size: int) -> dict[str, float]:
    """As product.measure_latency, while another user's file goes up and comes down again and again."""
    with running_broker(folder / "broker") as broker:
        place = {"home": str(folder / "home"), "broker": broker.address, "folder": str(folder), "size": size}
        load = Party.role("bench.files", "load", **place)
        with ended(load):
            load.go()
            load.wait_for("moving")
            found = latency_of(folder / "talkers", broker.address, messages)
            load.must_run()
            return found


def sshd() -> str | None:
    """Where the program is that `scp` asks; None where either is not installed."""
    daemon = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    return None if shutil.which("scp") is None else daemon


def measure_scp(folder: Path, size: int) -> float | None:
    """MiB per second of `scp` to this machine, whole process; None where it did not work."""
    daemon = sshd()
    if daemon is None:
        return None
    source = made(folder / "source", size)
    with _sshd(folder, daemon) as (port, key):
        warm(folder, size)
        command = [
            "scp", "-q", "-P", str(port), "-i", str(key), "-o", "StrictHostKeyChecking=no",
            "-o", f"UserKnownHostsFile={folder / 'known'}", str(source),
            f"{getpass.getuser()}@127.0.0.1:{folder / 'target'}",
        ]  # fmt: skip
        started = time.monotonic()
        done = subprocess.run(command, check=False, capture_output=True, timeout=60)
        subprocess.run(["sync", str(folder / "target")], check=False)
        seconds = time.monotonic() - started
    return size / _MIB / seconds if done.returncode == 0 else None


@contextmanager
def _sshd(folder: Path, daemon: str) -> Iterator[tuple[int, Path]]:
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True, timeout=20
        )
    allowed = folder / "allowed"
    shutil.copy(folder / "user.pub", allowed)
    port = free_port()
    Path("/run/sshd").mkdir(exist_ok=True)
    command = [
        "sh", "-c", 'exec "$0" "$@" 2>&1',  # it says on stderr that it listens
        daemon, "-D", "-e", "-f", "/dev/null", "-h", str(folder / "host"), "-p", str(port),
        "-o", "ListenAddress=127.0.0.1", "-o", f"AuthorizedKeysFile={allowed}", "-o", "StrictModes=no",
        "-o", "PidFile=none", "-o", "PermitRootLogin=yes", "-o", "Subsystem=sftp internal-sftp",
    ]  # fmt: skip
    server = Party(command, {**os.environ, "BENCH_QUIET": "1"})
    with ended(server):
        server.wait_for("Server listening")
        yield port, folder / "user"


# -- the parties ----------------------------------------------------------------------------------


def made(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        for _ in range(size // _MIB):
            file.write(os.urandom(_MIB))
        file.flush()
        os.fsync(file.fileno())  # or its way to the disk would be measured too
    return path


async def _transfer(place: dict[str, Any]) -> None:
    (Path(place["folder"]) / "got").mkdir()
    await sign_up(place, "bob")
    source = made(Path(place["folder"]) / "source", place["size"])
    mib = place["size"] / _MIB
    async with client_of(place, "alice") as alice:
        await alice.signup("alice", "correct horse battery")
        ready()
        await asyncio.to_thread(wait_for_go)
        warm(Path(place["folder"]), place["size"])
        started = time.monotonic()
        (sent,) = await alice.send_files("bob", [source])
        upload = mib / (time.monotonic() - started)
    if sent.error is not None:
        raise sent.error
    async with client_of(place, "bob") as bob:
        await bob.whoami()
        warm(Path(place["folder"]), place["size"])
        started = time.monotonic()
        target = await bob.get_file(sent.id, Path(place["folder"]) / "got")
        download = mib / (time.monotonic() - started)
    assert target.stat().st_size == place["size"]
    report(upload=upload, download=download)


async def _load(place: dict[str, Any]) -> None:
    (Path(place["folder"]) / "got").mkdir()
    await sign_up(place, "dave")
    source = made(Path(place["folder"]) / "source", place["size"])
    async with client_of(place, "carol") as carol, client_of(place, "dave") as dave:
        await carol.signup("carol", "correct horse battery")
        ready()
        await asyncio.to_thread(wait_for_go)
        print("moving", flush=True)
        while True:
            (sent,) = await carol.send_files("dave", [source])
            if sent.error is not None:
                raise sent.error
            got = await dave.get_file(sent.id, Path(place["folder"]) / "got", overwrite=True)
            got.unlink()
            await carol.withdraw_file(sent.id)


if __name__ == "__main__":
    asyncio.run((_transfer if sys.argv[1] == "transfer" else _load)(settings()))
