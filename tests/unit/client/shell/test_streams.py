"""Writing to who takes it: all of it arrives, and nobody who takes nothing holds up the rest of a program."""

import asyncio
import os
import select
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pytest

from cnmessage_client.shell.streams import write_as_read
from tests.support.patience import PATIENCE

DATA = os.urandom(1 << 20)


def full_pipe(*, blocking: bool = True) -> tuple[BinaryIO, BinaryIO, int]:
    """Both ends of a pipe that takes nothing more, and how many bytes are in it."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    size = 0
    with suppress(BlockingIOError):
        while True:
            size += os.write(writer, bytes(select.PIPE_BUF))
    os.set_blocking(writer, blocking)
    return os.fdopen(reader, "rb"), os.fdopen(writer, "wb"), size


async def turns() -> None:
    """The event loop goes on for a while; a write that does not let it would never end."""
    for _ in range(100):
        await asyncio.sleep(0)


@pytest.mark.parametrize("blocking", [True, False])
def test_all_that_is_written_to_a_pipe_arrives_while_the_event_loop_goes_on(*, blocking: bool) -> None:
    reader, writer, before = full_pipe(blocking=blocking)

    async def both() -> bytes:
        job = asyncio.create_task(write_as_read(writer, DATA))
        await turns()
        assert not job.done()
        taken = asyncio.create_task(asyncio.to_thread(reader.read, before + len(DATA)))
        await job
        return await taken

    with reader, writer:
        assert asyncio.run(asyncio.wait_for(both(), PATIENCE))[before:] == DATA


def test_who_waits_for_a_reader_that_takes_nothing_can_be_stopped() -> None:
    reader, writer, _ = full_pipe()

    async def stopped() -> None:
        job = asyncio.create_task(write_as_read(writer, DATA))
        await turns()
        job.cancel()
        await job

    with reader, writer, pytest.raises(asyncio.CancelledError):
        asyncio.run(asyncio.wait_for(stopped(), PATIENCE))


def test_a_reader_that_has_gone_and_a_full_disk_are_told() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stream, pytest.raises(BrokenPipeError):
        asyncio.run(write_as_read(stream, DATA))
    with Path("/dev/full").open("wb") as full, pytest.raises(OSError, match="No space"):
        asyncio.run(write_as_read(full, DATA))


def test_a_file_takes_all_of_it(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        asyncio.run(write_as_read(file, DATA))
    assert (tmp_path / "file").read_bytes() == DATA
