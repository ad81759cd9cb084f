"""The file thread rests while there is nothing to do for it, whoever talks."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
import zmq
import zmq.utils.z85

from cnmessage_broker.between import Lanes
from cnmessage_broker.files.blobs import Blobs
from cnmessage_broker.files.thread import LOOK, FileThread
from cnmessage_broker.net.gate import GateLimits
from cnmessage_broker.net.sockets import FileSockets, Watch
from cnmessage_broker.net.zap import FILES_DOMAIN, Admission, anybody
from cnmessage_protocol.trace import Trail
from tests.support.harness import broker_config, free_port
from tests.support.patience import PATIENCE

TALKING = float("inf")
"""When the last message was stored, so that people talk whenever the thread looks."""

LOOKS = 4
"""So many times it looks after its connections, all by itself, while it is watched."""


class Clock:
    """The time, and how often it was asked for until `seconds` had passed."""

    def __init__(self, seconds: float) -> None:
        self.asked = 0
        self.over = threading.Event()
        self._ends = time.monotonic() + seconds

    def __call__(self) -> float:
        now = time.monotonic()
        if now < self._ends:
            self.asked += 1
        else:
            self.over.set()
        return now


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[Clock, Lanes], None]]:
    config = broker_config(tmp_path)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    ends: list[Callable[[], None]] = [context.term]

    def start(clock: Clock, lanes: Lanes) -> None:
        admission = Admission({FILES_DOMAIN: anybody}, time.monotonic)
        log = structlog.get_logger()
        watch = Watch(admission, GateLimits(8, 8, 8, 8.0), 1 << 20, time.monotonic, log)
        secret = zmq.utils.z85.decode(zmq.curve_keypair()[1])
        sockets = FileSockets(context, "127.0.0.1", free_port(), secret, watch)
        ends.append(lambda: sockets.close(0))
        blobs = Blobs(tmp_path / "files")
        thread = FileThread(sockets, admission, blobs, lanes, config, clock, log, Trail())
        ends.append(thread.stop)
        thread.start()

    yield start
    for end in reversed(ends):
        end()


def test_while_people_talk_and_no_file_moves_it_is_not_awake_more_often_than_it_must_look(
    started: Callable[[Clock, Lanes], None],
) -> None:
    clock, lanes = Clock(LOOKS * LOOK), Lanes()
    lanes.talked_at = TALKING
    started(clock, lanes)
    assert clock.over.wait(PATIENCE)
    assert clock.asked < 40 * (LOOKS + 1), "each turn asks about ten times"
