"""Writing to who takes it: all of it arrives, and nobody who takes nothing holds up the rest of a program."""

import asyncio
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from cnmessage_client.shell.streams import write_as_read
from tests.support.patience import PATIENCE

DATA = os.urandom(1 << 20)


@pytest.mark.parametrize("blocking", [True, False])
def test_all_that_is_written_to_a_pipe_arrives_while_the_event_loop_goes_on(*, blocking: bool) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, blocking)

    async def both(stream: BinaryIO, from_pipe: BinaryIO) -> bytes:
        job = asyncio.create_task(write_as_read(stream, DATA))
        await asyncio.sleep(0)
        assert not job.done()  # the pipe is full, and this goes on
        taken = asyncio.create_task(asyncio.to_thread(from_pipe.read, len(DATA)))
        await job
        return await taken

    with os.fdopen(reader, "rb") as from_pipe, os.fdopen(writer, "wb") as stream:
        assert asyncio.run(asyncio.wait_for(both(stream, from_pipe), PATIENCE)) == DATA


def test_who_waits_for_a_reader_that_takes_nothing_can_be_stopped() -> None:
    reader, writer = os.pipe()

    async def stopped(stream: BinaryIO) -> None:
        job = asyncio.create_task(write_as_read(stream, DATA))
        await asyncio.sleep(0)
        job.cancel()
        await job

    with os.fdopen(reader, "rb"), os.fdopen(writer, "wb") as stream, pytest.raises(asyncio.CancelledError):
        asyncio.run(asyncio.wait_for(stopped(stream), PATIENCE))


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
