"""What an upload's unfinished file costs a broker whose client asks and leaves, again and again."""

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cnmessage_broker.files.blobs import Blobs
from cnmessage_broker.files.descriptors import Descriptors
from cnmessage_broker.files.download import OpenDownload
from cnmessage_broker.files.leaving import Leaving
from cnmessage_broker.files.peers import AuthenticatedDevice, Peer
from cnmessage_broker.files.room import check_room
from cnmessage_broker.files.upload import OpenUpload
from cnmessage_broker.files.writeback import PIECE
from cnmessage_broker.net.link import Link
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.files.channel import FIRST_CHUNK, WINDOW_CHUNKS, Credit, Get, Granted, Opened
from tests.support.patience import PATIENCE

FILE = b"f" * 16
LINK = Link(("127.0.0.1", 1), 0.0)
SIZE = 64 << 20


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir()) if Path("/proc/self/fd").is_dir() else 0


def served(blobs: Blobs, descriptors: Descriptors, size: int = 100) -> OpenDownload:
    """A download of a blob of zeros, asked for in chunks of 50 bytes, all of it granted."""
    part = blobs.open_part(FILE, 0)
    os.ftruncate(part, size)
    os.close(part)
    sha256 = hashlib.sha256(bytes(size)).digest()
    blobs.keep(FILE, sha256)
    blobs.drop_part(FILE)
    device, get = AuthenticatedDevice("key", "127.0.0.1"), Get(0, size, 50)
    return OpenDownload(Peer(LINK, FILE), device, 1, get, Opened("x", size, sha256), blobs, descriptors)


def test_who_leaves_before_the_rest_was_hashed_leaves_no_work_and_no_open_file(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    descriptor = blobs.open_part(FILE, 0)
    os.ftruncate(descriptor, SIZE)
    os.close(descriptor)
    before, begun, blocked = _open_files(), threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        blocked.wait(PATIENCE)

    with ThreadPoolExecutor(1) as workers:
        workers.submit(hold)
        assert begun.wait(PATIENCE)
        for _ in range(100):
            intake = OpenUpload(
                Peer(LINK, b"t" * 16), FILE, SIZE, blobs, Descriptors(), workers, lambda: None
            )
            intake.close()
            assert intake.idle
        assert _open_files() == before
        blocked.set()


def test_who_leaves_while_the_rest_is_hashed_is_let_go_long_before_its_end(tmp_path: Path) -> None:
    blobs, woken = Blobs(tmp_path), threading.Event()
    descriptor = blobs.open_part(FILE, 0)
    os.ftruncate(descriptor, 1 << 40)  # sparse: hashing it would take the better part of an hour
    os.close(descriptor)
    with ThreadPoolExecutor(1) as workers:
        intake = OpenUpload(Peer(LINK, b"t" * 16), FILE, 1 << 40, blobs, Descriptors(), workers, woken.set)
        intake.close()
        if not intake.idle:
            assert woken.wait(PATIENCE)
            assert intake.work_done() == []
        assert intake.idle


def test_a_whole_part_that_begins_anew_leaves_the_blob_of_its_content_alone(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    descriptor = blobs.open_part(FILE, 0)
    os.pwrite(descriptor, b"hello", 0)
    os.close(descriptor)
    sha256 = hashlib.sha256(b"hello").digest()
    blobs.keep(FILE, sha256)  # and the broker is killed before it records that
    woken = threading.Event()
    with ThreadPoolExecutor(1) as workers:
        intake = OpenUpload(Peer(LINK, b"t" * 16), FILE, 5, blobs, Descriptors(), workers, woken.set)
        assert woken.wait(PATIENCE)
        intake.work_done()
        assert [type(each) for each in intake.finish(b"x" * 32)] == [Granted]
        intake.chunk(0.0, 0, memoryview(b"EEEEE"), 1 << 16, gently=False)
        intake.close()
    descriptor = blobs.open_blob(sha256)
    assert os.read(descriptor, 10) == b"hello"
    os.close(descriptor)


def test_a_second_part_of_one_content_takes_the_place_of_the_blob(tmp_path: Path) -> None:
    blobs, sha256 = Blobs(tmp_path), hashlib.sha256(b"hello").digest()
    for file, content in ((b"a" * 16, b"rotte"), (b"b" * 16, b"hello"), (b"b" * 16, b"hello")):
        descriptor = blobs.open_part(file, 0)
        os.pwrite(descriptor, content, 0)
        os.close(descriptor)
        blobs.keep(file, sha256)
    descriptor = blobs.open_blob(sha256)
    assert os.read(descriptor, 10) == b"hello"
    os.close(descriptor)
    assert list(blobs.blobs()) == [sha256]


def test_room_is_what_is_left_beside_the_reserve_and_what_others_have_still_to_write(tmp_path: Path) -> None:
    blobs, free = Blobs(tmp_path), 100 << 20
    reserve = blobs.free() - free  # the disk is shared: half of it is enough of a margin
    with ThreadPoolExecutor(1) as workers:
        other = OpenUpload(
            Peer(LINK, b"t" * 16), b"o" * 16, free // 2, blobs, Descriptors(), workers, lambda: None
        )
        check_room(blobs, reserve, FILE, free // 4, [other])
        with pytest.raises(RequestError) as caught:
            check_room(blobs, reserve, FILE, free * 3 // 4, [other])
        assert caught.value.code is ErrorCode.STORAGE
        descriptor = blobs.open_part(FILE, 0)
        os.ftruncate(descriptor, free // 2)
        os.close(descriptor)
        check_room(blobs, reserve, FILE, free * 3 // 4, [other])  # most of it is here already
        other.close()


def test_a_name_that_a_killed_broker_left_half_way_is_collected_and_is_no_content(tmp_path: Path) -> None:
    blobs, sha256 = Blobs(tmp_path), hashlib.sha256(b"hello").digest()
    descriptor = blobs.open_part(FILE, 0)
    os.pwrite(descriptor, b"hello", 0)
    os.close(descriptor)
    blobs.keep(FILE, sha256)
    (path,) = (tmp_path / "blobs").glob("*/*")
    half_way = path.with_name(f"{FILE.hex()}.new")
    half_way.hardlink_to(path)
    assert list(blobs.blobs()) == [sha256]
    blobs.collect([], [sha256])
    assert not half_way.exists()
    assert path.read_bytes() == b"hello"


def test_what_left_while_it_was_brought_to_the_disk_names_the_blob_it_may_have_made(tmp_path: Path) -> None:
    blobs, woken, held = Blobs(tmp_path), threading.Event(), threading.Event()
    device, leaving = AuthenticatedDevice("key", "127.0.0.1"), Leaving()
    sha256 = hashlib.sha256(b"hello").digest()
    with ThreadPoolExecutor(1) as workers:
        intake = OpenUpload(Peer(LINK, b"t" * 16), FILE, 5, blobs, Descriptors(), workers, woken.set)
        assert woken.wait(PATIENCE)
        intake.work_done()
        intake.chunk(0.0, 0, memoryview(b"hello"), 1 << 16, gently=False)
        intake.finish(sha256)
        workers.submit(held.set)
        assert held.wait(PATIENCE), "the only worker is done with it"
        leaving.add(intake, device)
        assert leaving.ended() == [(device, sha256)]
        assert leaving.ended() == []


def test_a_sign_of_life_grants_what_came_since_the_last_credit(tmp_path: Path) -> None:
    blobs, woken = Blobs(tmp_path), threading.Event()
    with ThreadPoolExecutor(1) as workers:
        intake = OpenUpload(Peer(LINK, b"t" * 16), FILE, SIZE, blobs, Descriptors(), workers, woken.set)
        assert woken.wait(PATIENCE)
        intake.work_done()
        assert intake.chunk(0.0, 0, memoryview(b"hello"), 1 << 16, gently=False) == [], (
            "far from half a window"
        )
        assert intake.beat() == Credit(5 + WINDOW_CHUNKS * FIRST_CHUNK, FIRST_CHUNK)
        intake.close()


def test_a_served_chunk_is_no_larger_than_the_receiver_and_the_pace_allow(tmp_path: Path) -> None:
    serving = served(Blobs(tmp_path), Descriptors())
    assert serving.next_chunk(0.0, 20) == (0, bytes(20))
    assert serving.next_chunk(0.0, 80) == (0, bytes(50))
    serving.close()


@pytest.mark.parametrize("gently", [True, False])
def test_bytes_leave_early_for_the_disk_unless_messages_need_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, gently: bool
) -> None:
    left: list[tuple[int, int]] = []  # what the system has written early is nothing that it tells
    monkeypatch.setattr(os, "posix_fadvise", lambda _, place, size, __: left.append((place, size)))
    blobs, woken = Blobs(tmp_path), threading.Event()
    with ThreadPoolExecutor(1) as workers:
        intake = OpenUpload(Peer(LINK, b"t" * 16), FILE, SIZE, blobs, Descriptors(), workers, woken.set)
        assert woken.wait(PATIENCE)
        intake.work_done()
        intake.chunk(0.0, 0, memoryview(bytes(PIECE)), 1 << 16, gently=gently)
        intake.close()
    assert left == ([] if gently else [(0, PIECE)])
