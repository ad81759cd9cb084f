"""What counts as taken by a connection: the kernel's word about what was handed to it, and nothing else."""

import time
from collections.abc import Iterator

import pytest
import structlog
import zmq
import zmq.utils.z85

from cnmessage_broker.files.channel import UPLOAD
from cnmessage_broker.net.gate import GateLimits
from cnmessage_broker.net.link import Link, on_the_wire
from cnmessage_broker.net.sockets import FileSockets, Watch
from cnmessage_broker.net.zap import FILES_DOMAIN, Admission, anybody
from cnmessage_protocol.envelope import FILES
from cnmessage_protocol.files.channel import CHUNK, WINDOW, WINDOW_CHUNKS
from tests.support.harness import eventually, free_port
from tests.support.patience import PATIENCE
from tests.support.raw import new_keys

NOW = 0.0
"""A clock that stands: nothing counts as taken because the line has been quiet for long."""

LENGTHS = [(1,), (222,), (223,), (20, 5000), (80,)]
"""Messages by the lengths of their frames; beyond 222 bytes a sealed frame has a longer head."""


class Ends:
    """A bound file channel and one peer who has said a word there."""

    def __init__(self) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        own, its = zmq.curve_keypair(), new_keys()
        port = free_port()
        admission = Admission({FILES_DOMAIN: anybody}, time.monotonic)
        watch = Watch(admission, GateLimits(8, 8, 8, 8.0), 1 << 20, time.monotonic, structlog.get_logger())
        secret = zmq.utils.z85.decode(own[1])
        self.sockets = FileSockets(self._context, "127.0.0.1", port, secret, watch)
        self.peer = self._context.socket(zmq.DEALER)
        self.peer.setsockopt(zmq.CURVE_SERVERKEY, own[0])
        self.peer.setsockopt(zmq.CURVE_PUBLICKEY, its.public)
        self.peer.setsockopt(zmq.CURVE_SECRETKEY, its.secret)
        self.peer.connect(f"tcp://127.0.0.1:{port + FILES}")
        self.peer.send(b"a word")
        self.link = self._heard()

    def _heard(self) -> Link:
        poller = zmq.Poller()
        self.sockets.door.register(poller)
        ends = time.monotonic() + PATIENCE
        while not self.sockets.channel.poll(0):
            assert time.monotonic() < ends, "nobody came"
            poller.poll(50)
            self.sockets.door.drain()
        first, _ = self.sockets.channel.recv_multipart(copy=False)
        self.sockets.links.drain(NOW)
        return self.sockets.links.of(first, NOW)

    def hand(self, frames: list[bytes]) -> None:
        """Count frames as handed over; `send` is what libzmq does with them, when it comes to that."""
        self.sockets.links.handed(self.link, frames, NOW)

    def send(self, frames: list[bytes]) -> None:
        """The frames leave, and the peer has them."""
        self.sockets.channel.send_multipart([self.link.routing_id, *frames])
        assert self.peer.poll(int(PATIENCE * 1000))
        assert self.peer.recv_multipart() == frames

    def unread(self) -> int:
        """What it has not taken yet, as of now."""
        self.sockets.links._look(self.link, NOW)
        return self.link.unread

    def untold(self) -> int:
        """What came from it and was not read, as of now."""
        self.sockets.links.look(NOW)
        return self.link.untold

    def close(self) -> None:
        """Release everything."""
        self.peer.close(linger=0)
        self.sockets.close(0)
        self._context.term()


@pytest.fixture
def ends() -> Iterator[Ends]:
    both = Ends()
    yield both
    both.close()


def test_what_libzmq_has_not_sent_yet_is_not_taken_whatever_was_taken_before(ends: Ends) -> None:
    words = [[b"w" * length for length in lengths] for lengths in LENGTHS]
    for frames in words:
        ends.hand(frames)
    for sent, frames in enumerate(words):
        left = sum(on_the_wire(len(each)) for rest in words[sent:] for each in rest)
        eventually(lambda left=left: ends.unread() <= left)  # type: ignore[misc]
        assert ends.unread() == left
        ends.send(frames)
    eventually(lambda: ends.unread() == 0)


def test_what_libzmq_says_itself_counts_for_nothing(ends: Ends) -> None:
    ends.send([b"p" * 1000])  # not handed over here, as its answers to heartbeats are not
    ends.sockets.links.look(NOW)
    word = [b"last"]
    ends.hand(word)
    assert ends.unread() == on_the_wire(4)
    ends.send(word)
    eventually(lambda: ends.unread() == 0)


def test_a_window_that_waits_unread_while_others_begin_is_nobodys_fault(ends: Ends) -> None:
    ends.link.expected = UPLOAD
    chunk = bytes(CHUNK)
    for _ in range(WINDOW_CHUNKS + 4):  # some of what came before it may still be there
        ends.peer.send_multipart([b"chunk", chunk])
    eventually(lambda: ends.untold() > WINDOW)
    assert ends.link.open
    assert not ends.link.cut
