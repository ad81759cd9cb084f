"""Files through cut connections and killed processes: they go on where they were and arrive as they were.

`CNMESSAGE_FAULT_RUNS` sets how many cuts and kills there are; `make faults` runs 50.
"""

import asyncio
import hashlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cnmessage_client import Client, Home
from cnmessage_protocol.envelope import FILES
from cnmessage_protocol.files.channel import CHUNK, FETCHED_CHUNK, WINDOW, WINDOW_CHUNKS
from tests.support.harness import BrokerProcess, BrokerThread, eventually, sign_up
from tests.support.proxy import Proxy

CUTS = int(os.environ.get("CNMESSAGE_FAULT_RUNS", "12"))
MOST_ALIVE = 16 << 20
"""Bytes after which a connection is cut at the latest: chunks and windows have grown by then."""

SIZE = max(8, CUTS) * MOST_ALIVE // 2
KILLS = max(2, CUTS // 4)
OVERHEAD = 1.02
"""Framing, encryption and credit, as a factor."""

RECEIVER = """
import asyncio, sys
from pathlib import Path
from cnmessage_client import Client, Home

async def main() -> None:
    place = Path(sys.argv[1])
    async with Client(home=Home(place, place / "state"), profile="bob", broker=sys.argv[2]) as client:
        progress = lambda each: print(each.phase, each.started_at, each.done, flush=True)
        await client.get_file(sys.argv[3], Path(sys.argv[4]), progress=progress)

asyncio.run(main())
"""

SENDER = """
import asyncio, sys
from pathlib import Path
from cnmessage_client import Client, Home

async def main() -> None:
    place = Path(sys.argv[1])
    async with Client(home=Home(place, place / "state"), profile="alice", broker=sys.argv[2]) as client:
        print("begins", flush=True)
        progress = lambda each: print(each.done, flush=True)
        (sent,) = await client.send_files("bob", [sys.argv[3]], progress=progress)
        if sent.error:
            raise sent.error

asyncio.run(main())
"""


def made(path: Path, size: int) -> str:
    """A file of random bytes; gives its SHA-256."""
    content = os.urandom(size)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Cutter:
    """Breaks the first `count` connections after a random number of bytes."""

    def __init__(self, count: int, seed: int) -> None:
        self.count = count
        self._chance = random.Random(seed)

    def __call__(self) -> int | None:
        self.count -= 1
        return self._chance.randrange(1, MOST_ALIVE) if self.count >= 0 else None


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_an_upload_bears_cuts_at_any_byte(broker: BrokerThread, home: Home, tmp_path: Path) -> None:
    asyncio.run(sign_up(broker.address, home, "alice", "bob"))
    sha256 = made(tmp_path / "source", SIZE)
    with Proxy(broker.address, FILES, Cutter(CUTS, 1)) as proxy:

        async def send() -> str:
            async with Client(home=home, profile="alice", broker=proxy.address) as alice:
                (sent,) = await alice.send_files("bob", [tmp_path / "source"])
                assert sent.error is None
                return sent.sha256

        assert asyncio.run(send()) == sha256
        assert proxy.cuts >= CUTS // 2
        assert proxy.carried[0] <= (SIZE + proxy.cuts * WINDOW) * OVERHEAD
    (blob,) = (broker.broker.config.data / "files" / "blobs").glob("*/*")
    assert digest(blob) == blob.name == sha256


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_a_download_bears_cuts_at_any_byte(broker: BrokerThread, home: Home, tmp_path: Path) -> None:
    asyncio.run(sign_up(broker.address, home, "alice", "bob"))
    sha256 = made(tmp_path / "source", SIZE)

    async def send() -> str:
        async with Client(home=home, profile="alice", broker=broker.address) as alice:
            (sent,) = await alice.send_files("bob", [tmp_path / "source"])
            assert sent.error is None
            return sent.id

    file = asyncio.run(send())
    with Proxy(broker.address, FILES, Cutter(CUTS, 2)) as proxy:

        async def fetch() -> Path:
            async with Client(home=home, profile="bob", broker=proxy.address) as bob:
                return await bob.get_file(file, tmp_path / "got")

        (tmp_path / "got").mkdir()
        assert digest(asyncio.run(fetch())) == sha256
        assert proxy.cuts >= CUTS // 2
        assert proxy.carried[1] <= (SIZE + proxy.cuts * WINDOW_CHUNKS * FETCHED_CHUNK) * OVERHEAD
    assert [each.name for each in (tmp_path / "got").iterdir()] == ["source"]


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_both_legs_bear_a_broker_that_is_killed(
    broker_process: BrokerProcess, home: Home, tmp_path: Path
) -> None:
    size = 96 * CHUNK
    asyncio.run(sign_up(broker_process.address, home, "alice", "bob"))
    sha256 = made(tmp_path / "source", size)
    chance = random.Random(3)

    async def killed_at(moments: list[int], done: asyncio.Queue[int]) -> None:
        reached = 0
        for moment in moments:
            while reached < moment:
                reached = max(reached, await done.get())
            await asyncio.to_thread(broker_process.kill)
            await asyncio.to_thread(broker_process.start)

    async def both() -> Path:
        moments = sorted(chance.randrange(size) for _ in range(KILLS))
        done: asyncio.Queue[int] = asyncio.Queue()
        async with Client(home=home, profile="alice", broker=broker_process.address, timeout=30) as alice:
            killer = asyncio.create_task(killed_at(moments, done))
            (sent,) = await alice.send_files(
                "bob", [tmp_path / "source"], progress=lambda each: done.put_nowait(each.done)
            )
            assert sent.error is None
            await killer
        done = asyncio.Queue()
        (tmp_path / "got").mkdir()
        async with Client(home=home, profile="bob", broker=broker_process.address, timeout=30) as bob:
            killer = asyncio.create_task(killed_at(moments, done))
            got = await bob.get_file(
                sent.id, tmp_path / "got", progress=lambda each: done.put_nowait(each.done)
            )
            await killer
        return got

    assert digest(asyncio.run(both())) == sha256


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_a_sender_that_is_killed_goes_on_with_the_same_call(
    broker: BrokerThread, home: Home, tmp_path: Path
) -> None:
    asyncio.run(sign_up(broker.address, home, "alice", "bob"))
    source = tmp_path / "source"
    size = 128 << 20
    sha256 = made(source, size)
    command = [sys.executable, "-c", SENDER, str(home.config), broker.address, str(source)]
    chance = random.Random(4)
    reached = kills = 0
    while kills < KILLS and reached < size:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            aim = chance.randrange(reached, max(reached + 1, (reached + size) // 2))
            for line in process.stdout:
                if line.strip().isdigit() and int(line) >= aim:
                    break
            process.send_signal(signal.SIGKILL)
        parts = list((broker.broker.config.data / "files" / "parts").iterdir())
        if not parts:
            break  # it was quicker than the signal
        reached, kills = parts[0].stat().st_size, kills + 1
    assert kills, "no kill came in time"
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=120)
    assert done.returncode == 0
    eventually(lambda: not list((broker.broker.config.data / "files" / "parts").iterdir()))
    (blob,) = (broker.broker.config.data / "files" / "blobs").glob("*/*")
    assert digest(blob) == sha256

    async def inbox() -> int:
        async with Client(home=home, profile="bob", broker=broker.address) as bob:
            return len(await bob.history())

    assert asyncio.run(inbox()) == 1


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_a_receiver_that_is_killed_goes_on_from_its_last_byte_with_the_same_call(
    broker: BrokerThread, home: Home, tmp_path: Path
) -> None:
    asyncio.run(sign_up(broker.address, home, "alice", "bob"))
    size = 128 << 20
    sha256 = made(tmp_path / "source", size)

    async def send() -> str:
        async with Client(home=home, profile="alice", broker=broker.address) as alice:
            (sent,) = await alice.send_files("bob", [tmp_path / "source"])
            return sent.id

    target = tmp_path / "got"
    target.mkdir()
    command = [
        sys.executable,
        "-c",
        RECEIVER,
        str(home.config),
        broker.address,
        asyncio.run(send()),
        str(target),
    ]
    chance, here, kills = random.Random(5), 0, 0
    while kills < KILLS and here < size:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            aim, began = chance.randrange(here, (here + size) // 2), None
            for line in process.stdout:
                phase, started_at, done = line.split()
                began = int(started_at) if began is None and phase == "receiving" else began
                if int(done) >= aim:
                    break
            process.send_signal(signal.SIGKILL)
        if (target / "source").exists():
            break  # it was quicker than the signal
        assert began in {None, here}, "it goes on from what a killed process had written"
        (part,) = target.iterdir()
        here, kills = part.stat().st_size, kills + 1
    assert kills, "no kill came in time"
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=120)
    assert [each.name for each in target.iterdir()] == ["source"]
    assert digest(target / "source") == sha256
