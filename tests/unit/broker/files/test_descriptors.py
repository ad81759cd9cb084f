"""Descriptors of files that move: one while bytes flow, none while they do not, and never too many."""

import errno
import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cnmessage_broker.files.blobs import Blobs
from cnmessage_broker.files.descriptors import IDLE, Descriptors
from cnmessage_broker.files.download import OpenDownload
from cnmessage_broker.files.peers import AuthenticatedDevice, Peer
from cnmessage_broker.files.upload import OpenUpload, Stage
from cnmessage_broker.net.link import Link
from cnmessage_protocol.files.channel import Get, Granted, Opened
from tests.support.patience import PATIENCE

FILE = b"f" * 16
BODY = b"hello world"
SHA256 = hashlib.sha256(BODY).digest()


LINK = Link(("127.0.0.1", 1), 0.0)


class Table:
    """An upload of `body`, its workers at hand."""

    def __init__(self, folder: Path, workers: ThreadPoolExecutor, size: int = len(BODY)) -> None:
        self.blobs, self.descriptors, self.woken = Blobs(folder), Descriptors(), threading.Event()
        self.intake = OpenUpload(
            Peer(LINK, b"t" * 16), FILE, size, self.blobs, self.descriptors, workers, self.woken.set
        )
        self.settle()

    def settle(self) -> None:
        """Wait for the work under way."""
        assert self.woken.wait(PATIENCE)
        self.woken.clear()
        self.intake.work_done()

    def chunk(self, now: float, offset: int, upto: int) -> None:
        """The next bytes come."""
        self.intake.chunk(now, offset, memoryview(BODY[offset:upto]), 1 << 16, gently=True)

    def is_open(self) -> bool:
        """Whether the upload has its file open."""
        return self.descriptors.holds(self.intake)


def never() -> int:
    raise AssertionError("this is open already")


def opening(path: Path) -> Callable[[], int]:
    return lambda: os.open(path, os.O_RDONLY)


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_an_upload_opens_its_file_when_bytes_come_and_closes_it_when_none_do(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as workers:
        table = Table(tmp_path, workers)
        assert list(table.blobs.parts()) == []
        table.chunk(0.0, 0, 5)
        assert table.is_open()
        table.descriptors.close_idle(IDLE - 1)
        assert table.is_open()
        table.descriptors.close_idle(IDLE)
        assert not table.is_open()
        table.chunk(100.0, 5, 11)
        table.intake.finish(SHA256)
        table.settle()
        assert table.intake.stage is Stage.RECORDING
        assert not table.is_open(), "what is recorded needs no descriptor"
    assert [*table.blobs.blobs()] == [SHA256]


def test_an_upload_of_nothing_never_opens_a_file_before_it_is_whole(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as workers:
        table = Table(tmp_path, workers, size=0)
        assert list(table.blobs.parts()) == []
        table.intake.finish(hashlib.sha256().digest())
        table.settle()
    assert [*table.blobs.blobs()] == [hashlib.sha256().digest()]


@pytest.mark.parametrize("while_closed", ["changed", "cut", "removed"])
def test_what_became_of_a_file_while_it_was_closed_is_noticed_before_it_is_kept(
    tmp_path: Path, while_closed: str
) -> None:
    with ThreadPoolExecutor(1) as workers:
        table = Table(tmp_path, workers)
        table.chunk(0.0, 0, 11)
        table.descriptors.close_idle(IDLE)
        (part,) = (tmp_path / "parts").iterdir()
        match while_closed:
            case "changed":
                part.write_bytes(b"HELLO world")
            case "cut":
                part.write_bytes(b"hello")
            case _:
                part.unlink()
        table.intake.finish(SHA256)
        with pytest.raises(OSError, match=r"lost its end|does not hold|No such file"):
            table.settle()
    assert [*table.blobs.blobs()] == []


def test_bytes_are_not_put_behind_a_hole(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as workers:
        table = Table(tmp_path, workers)
        table.chunk(0.0, 0, 5)
        table.descriptors.close_idle(IDLE)
        (part,) = (tmp_path / "parts").iterdir()
        part.unlink()
        with pytest.raises(FileNotFoundError):
            table.chunk(20.0, 5, 11)
        assert not list((tmp_path / "parts").iterdir())
        again = Table(tmp_path, workers)
        assert again.intake.flow.offset == 0, "asked again, it begins anew"


def test_an_upload_that_began_anew_may_go_on_after_a_pause(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as workers:
        table = Table(tmp_path, workers)
        table.chunk(0.0, 0, 11)
        assert [type(each) for each in table.intake.finish(b"x" * 32)] == [Granted]
        assert not table.is_open()
        table.chunk(1.0, 0, 11)
        table.intake.finish(SHA256)
        table.settle()
        assert table.intake.stage is Stage.RECORDING


def test_a_download_opens_its_blob_when_bytes_go_and_closes_it_when_none_do(tmp_path: Path) -> None:
    blobs, descriptors = Blobs(tmp_path), Descriptors()
    part = blobs.open_part(FILE, 0)
    os.write(part, BODY)
    os.close(part)
    blobs.keep(FILE, SHA256)
    get = Get(0, 5, 5)
    device, opened = AuthenticatedDevice("key", "127.0.0.1"), Opened("x", len(BODY), SHA256)
    serving = OpenDownload(Peer(LINK, FILE), device, 1, get, opened, blobs, descriptors)
    assert not descriptors.holds(serving)
    assert serving.next_chunk(0.0, 100) == (0, b"hello")
    serving.sent(5)
    assert serving.next_chunk(5.0, 100) is None
    descriptors.close_idle(IDLE)
    assert not descriptors.holds(serving)
    serving.flow.credited(11, 100)
    assert serving.next_chunk(20.0, 100) == (5, b" world")
    serving.close()
    assert not descriptors.holds(serving)
    blobs.drop_blob(SHA256)
    with pytest.raises(FileNotFoundError):
        OpenDownload(Peer(LINK, FILE), device, 1, get, opened, blobs, descriptors)


def test_no_more_are_open_than_allowed_and_the_least_lately_used_makes_room(tmp_path: Path) -> None:
    descriptors = Descriptors(most=2)
    first = descriptors.of("a", 0.0, opening(tmp_path))
    descriptors.of("b", 1.0, opening(tmp_path))
    assert descriptors.of("a", 2.0, never) == first
    descriptors.of("c", 3.0, opening(tmp_path))
    assert [descriptors.holds(each) for each in "abc"] == [True, False, True]
    assert is_open(first)
    for each in "acc":
        descriptors.close(each)
    assert not is_open(first)
    assert not any(descriptors.holds(each) for each in "abc")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_when_the_system_has_no_more_an_idle_one_makes_room_and_with_none_it_is_an_error(
    tmp_path: Path, number: int
) -> None:
    descriptors, refusals = Descriptors(), [OSError(number, "too many"), OSError(number, "too many")]

    def short() -> int:
        if refusals:
            raise refusals.pop()
        return os.open(tmp_path, os.O_RDONLY)

    with pytest.raises(OSError, match="too many"):
        descriptors.of("a", 0.0, short)
    descriptors.of("b", 1.0, opening(tmp_path))
    descriptors.of("c", 2.0, short)
    assert [descriptors.holds(each) for each in "abc"] == [False, False, True]
    descriptors.close("c")
