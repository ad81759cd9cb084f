"""Transfers that are cut go on where the receiving side's disk ends, and what arrives is what was sent."""

import asyncio
import os
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from cnmessage_client import Client, CnMessageError, ErrorCode, Home, TransferProgress
from cnmessage_protocol.files.channel import CHUNK, WINDOW
from tests.support.cutter import Cutter
from tests.support.harness import BrokerProcess, BrokerThread, eventually, sign_up
from tests.support.sending import outcomes

SIZE = 96 * CHUNK + 12345
CUTS = 8
HELD_AT = 64 * CHUNK
"""Bytes: more than two windows, so that going on differs from beginning anew."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture(autouse=True)
def accounts(broker: BrokerThread, home: Home) -> None:
    asyncio.run(sign_up(broker.address, home, "alice", "bob"))


def cuts(seed: int) -> list[int]:
    chance = random.Random(seed)
    return [chance.randrange(1, SIZE // CUTS) for _ in range(CUTS)]


async def uploaded(client: Client, source: Path) -> str:
    [done] = await client.send_files("bob", [source])
    assert done.error is None
    return done.id


def same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


def inside(directory: Path) -> list[Path]:
    return list(directory.iterdir())


def on_disk(directory: Path) -> int:
    [part] = inside(directory)
    return part.stat().st_size


async def interrupted(
    call: Coroutine[Any, Any, object], cutter: Cutter, arrived: Callable[[], bool] = lambda: True
) -> None:
    """Cancel a call once nothing moves any more, and what came through has `arrived`."""
    task = asyncio.create_task(call)
    assert await asyncio.to_thread(cutter.held.wait, 20)
    await asyncio.to_thread(eventually, arrived)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_an_upload_bears_cuts_anywhere(broker: BrokerThread, home: Home, source: Path, out: Path) -> None:
    async def scenario(address: str) -> None:
        async with (
            Client(home=home, profile="alice", broker=address) as alice,
            Client(home=home, profile="bob") as bob,
        ):
            found = await bob.get_file(await uploaded(alice, source), out)
            assert same(found, source)

    with Cutter(broker.address, cuts(1)) as cutter:
        asyncio.run(scenario(cutter.address))
        assert cutter.made == CUTS
        assert cutter.carried <= SIZE + CUTS * (WINDOW + CHUNK)


def test_a_download_bears_cuts_anywhere(broker: BrokerThread, home: Home, source: Path, out: Path) -> None:
    async def scenario(address: str) -> None:
        async with (
            Client(home=home, profile="alice") as alice,
            Client(home=home, profile="bob", broker=address) as bob,
        ):
            found = await bob.get_file(await uploaded(alice, source), out)
            assert same(found, source)

    with Cutter(broker.address, cuts(2)) as cutter:
        asyncio.run(scenario(cutter.address))
        assert cutter.made == CUTS
        assert cutter.carried <= SIZE + CUTS * (WINDOW + CHUNK)


def test_an_interrupted_upload_goes_on_with_the_same_call(
    broker: BrokerThread, home: Home, source: Path, out: Path
) -> None:
    async def scenario(cutter: Cutter) -> None:
        async with (
            Client(home=home, profile="alice", broker=cutter.address) as alice,
            Client(home=home, profile="bob") as bob,
        ):
            await interrupted(alice.send_files("bob", [source]), cutter)
            assert len(list(alice.profile.uploads.iterdir())) == 1
            again: list[TransferProgress] = []
            [done] = await alice.send_files("bob", [source], progress=again.append)
            assert done.error is None
            assert again[-1].started_at >= HELD_AT - WINDOW - CHUNK
            assert list(alice.profile.uploads.iterdir()) == []
            assert len(await alice.files(sent=True)) == 1
            assert same(await bob.get_file(done.id, out), source)

    with Cutter(broker.address, [HELD_AT], hold=True) as cutter:
        asyncio.run(scenario(cutter))


def test_an_interrupted_download_goes_on_with_the_same_call(
    broker: BrokerThread, home: Home, source: Path, out: Path
) -> None:
    async def scenario(cutter: Cutter) -> None:
        async with (
            Client(home=home, profile="alice") as alice,
            Client(home=home, profile="bob", broker=cutter.address) as bob,
        ):
            file = await uploaded(alice, source)
            # All that the wire let through is written down, but for a chunk that is not whole.
            await interrupted(bob.get_file(file, out), cutter, lambda: on_disk(out) >= HELD_AT - 2 * CHUNK)
            here = on_disk(out)
            assert here < SIZE
            again: list[TransferProgress] = []
            found = await bob.get_file(file, out, progress=again.append)
            assert again[-1].started_at == here
            assert same(found, source)
            assert inside(out) == [found]

    with Cutter(broker.address, [HELD_AT], hold=True) as cutter:
        asyncio.run(scenario(cutter))


def test_an_upload_that_was_given_up_begins_anew(
    broker: BrokerThread, home: Home, source: Path, out: Path
) -> None:
    async def scenario(cutter: Cutter) -> None:
        async with (
            Client(home=home, profile="alice", broker=cutter.address) as alice,
            Client(home=home, profile="bob") as bob,
        ):
            await interrupted(alice.send_files("bob", [source]), cutter)
            [unfinished] = await alice.files(sent=True)
            assert unfinished.state == "uploading"
            await alice.withdraw_file(unfinished.id)
            file = await uploaded(alice, source)
            assert file != unfinished.id
            assert same(await bob.get_file(file, out), source)

    with Cutter(broker.address, [HELD_AT], hold=True) as cutter:
        asyncio.run(scenario(cutter))


def test_a_damaged_part_is_noticed_and_removed(
    broker: BrokerThread, home: Home, source: Path, out: Path
) -> None:
    async def scenario() -> None:
        async with Client(home=home, profile="alice") as alice, Client(home=home, profile="bob") as bob:
            file = await uploaded(alice, source)
            part = out / f".source.bin.{file[:8]}.part"
            part.write_bytes(bytes(3 * CHUNK))
            with pytest.raises(CnMessageError) as caught:
                await bob.get_file(file, out)
            assert caught.value.code is ErrorCode.INTEGRITY
            assert inside(out) == []
            part.write_bytes(bytes(SIZE + 1))  # longer than the file: of no use, and no reason to fail
            assert same(await bob.get_file(file, out), source)

    asyncio.run(scenario())


def test_no_broker_for_long_keeps_what_was_done_and_says_so(tmp_path: Path, home: Home, source: Path) -> None:
    with BrokerProcess(tmp_path / "process") as process:

        async def scenario() -> None:
            await sign_up(process.address, home, "carol", "dave")
            async with Client(home=home, profile="carol", timeout=1.0) as carol:

                def on_progress(step: TransferProgress) -> None:
                    if step.phase == "sending" and process.process is not None:
                        process.kill()

                [done] = await outcomes(carol.send_files("dave", [source], progress=on_progress))
                assert done.error is not None
                assert done.error.code is ErrorCode.UNREACHABLE
                assert "the same call goes on" in done.error.message
                process.start()
                carol.timeout = 10.0
                [done] = await carol.send_files("dave", [source])
                assert done.error is None

        asyncio.run(scenario())


@pytest.mark.parametrize("end", [BrokerProcess.kill, BrokerProcess.stop])
def test_a_broker_that_is_killed_or_stopped_and_comes_back_is_no_error(
    tmp_path: Path, home: Home, source: Path, out: Path, end: Callable[[BrokerProcess], object]
) -> None:
    with BrokerProcess(tmp_path / "process") as process:
        pending: list[asyncio.Future[None]] = []

        def restart(step: TransferProgress) -> None:
            if step.done > 10 * CHUNK and not pending:
                pending.append(asyncio.ensure_future(asyncio.to_thread(restarted, process, end)))

        async def scenario() -> None:
            await sign_up(process.address, home, "carol", "dave")
            async with Client(home=home, profile="carol") as carol, Client(home=home, profile="dave") as dave:
                [done] = await carol.send_files("dave", [source], progress=restart)
                assert done.error is None
                await pending.pop()
                found = await dave.get_file(done.id, out, progress=restart)
                assert same(found, source)
                await pending.pop()

        asyncio.run(scenario())


def restarted(process: BrokerProcess, end: Callable[[BrokerProcess], object]) -> None:
    end(process)
    process.start()
