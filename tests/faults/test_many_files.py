"""Many files and many clients at once: every file arrives as it was, and nobody is starved."""

import asyncio
import hashlib
import os
import random
from pathlib import Path

import pytest

from cnmessage_client import Client, Home, TransferProgress
from cnmessage_protocol.files.channel import CHUNK
from tests.support.harness import BrokerThread, sign_up

MANY = 1000
CLIENTS = 10


def digests(folder: Path) -> dict[str, str]:
    return {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in folder.iterdir()}


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_a_thousand_files_of_any_size_arrive_as_they_were(
    broker: BrokerThread, home: Home, tmp_path: Path
) -> None:
    asyncio.run(sign_up(broker.address, home, "alice", "bob"))
    source, target, chance = tmp_path / "source", tmp_path / "got", random.Random(6)
    source.mkdir()
    target.mkdir()
    sizes = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 1 << 20]
    sizes += [int((1 << 20) ** chance.random()) for _ in range(MANY - len(sizes))]
    for number, size in enumerate(sizes):
        (source / f"{number}.bin").write_bytes(os.urandom(size))

    async def both() -> list[str]:
        async with Client(home=home, profile="alice", broker=broker.address, timeout=60) as alice:
            sent = await alice.send_files("bob", sorted(source.iterdir()))
        assert [each.error for each in sent if each.error is not None] == []
        async with Client(home=home, profile="bob", broker=broker.address, timeout=60) as bob:
            for start in range(0, MANY, 50):
                await asyncio.gather(
                    *(bob.get_file(each.id, target) for each in sent[start : start + 50]),
                )
        return [each.sha256 for each in sent]

    told = asyncio.run(both())
    assert digests(target) == digests(source)
    assert sorted(told) == sorted(digests(source).values())


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_ten_clients_at_once_get_on_together(broker: BrokerThread, home: Home, tmp_path: Path) -> None:
    names = [f"user{number}" for number in range(CLIENTS)]
    asyncio.run(sign_up(broker.address, home, *names))
    size = 32 << 20
    done = dict.fromkeys(names, 0)
    when_the_first_was_done: list[int] = []

    def watch(name: str, progress: TransferProgress) -> None:
        done[name] = max(done[name], progress.done)
        if progress.phase == "done" and not when_the_first_was_done:
            when_the_first_was_done.extend(done.values())

    async def send(name: str, number: int) -> str:
        path = tmp_path / name
        await asyncio.to_thread(path.write_bytes, bytes([number]) * size)
        async with Client(home=home, profile=name, broker=broker.address, timeout=60) as client:
            (sent,) = await client.send_files(names[0], [path], progress=lambda each: watch(name, each))
            assert sent.error is None
            return sent.sha256

    async def all_at_once() -> list[str]:
        return await asyncio.gather(*(send(name, number) for number, name in enumerate(names)))

    told = asyncio.run(all_at_once())
    assert told == [hashlib.sha256(bytes([number]) * size).hexdigest() for number in range(CLIENTS)]
    assert min(when_the_first_was_done) >= size // 4, "somebody was starved"
