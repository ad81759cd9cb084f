"""What an upload's unfinished file costs a broker whose client asks and leaves, again and again."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cnmessage_broker.blobs import Blobs
from cnmessage_broker.intake import Intake
from cnmessage_broker.peers import Peer

FILE = b"f" * 16
SIZE = 64 << 20


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir()) if Path("/proc/self/fd").is_dir() else 0


def test_who_leaves_before_the_rest_was_hashed_leaves_no_work_and_no_open_file(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    descriptor, _ = blobs.open_part(FILE, SIZE)
    os.ftruncate(descriptor, SIZE)
    os.close(descriptor)
    before, begun, blocked = _open_files(), threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        blocked.wait(10)

    with ThreadPoolExecutor(1) as workers:
        workers.submit(hold)
        assert begun.wait(10)
        for number in range(100):
            intake = Intake(Peer(b"%d" % number, b"t" * 16), FILE, SIZE, blobs, workers, lambda: None)
            intake.close()
            assert intake.idle
        assert _open_files() == before
        blocked.set()


def test_who_leaves_while_the_rest_is_hashed_is_let_go_long_before_its_end(tmp_path: Path) -> None:
    blobs, woken = Blobs(tmp_path), threading.Event()
    descriptor, _ = blobs.open_part(FILE, 1 << 40)
    os.ftruncate(descriptor, 1 << 40)  # sparse: hashing it would take the better part of an hour
    os.close(descriptor)
    with ThreadPoolExecutor(1) as workers:
        intake = Intake(Peer(b"p", b"t" * 16), FILE, 1 << 40, blobs, workers, woken.set)
        intake.close()
        if not intake.idle:
            assert woken.wait(10)
            assert intake.work_done() == []
        assert intake.idle
