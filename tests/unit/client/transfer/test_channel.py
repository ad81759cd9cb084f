"""A client's last words on the file channel: real sockets, and a broker that takes its time."""

import threading
from collections.abc import Iterator

import pytest
import zmq
from zmq.utils import z85

from cnmessage_client.address import Address
from cnmessage_client.link.sockets import Access
from cnmessage_client.transfer.channel import FileChannel
from cnmessage_protocol.envelope import FILES
from cnmessage_protocol.files.channel import CHUNK, FROM_CLIENT, Chunk, FileMessage, Pause, Stop, unpack
from cnmessage_protocol.trace import Trail
from tests.support.channel import UPLOAD
from tests.support.harness import eventually, free_port
from tests.support.patience import PATIENCE
from tests.support.raw import new_keys

SOON = 8.0
"""Seconds: less than a last word of weight has to leave."""

QUICK = 1.5
"""Seconds within which a client leaves that has nothing of weight to say."""


class Slow:
    """A link that is full, for its broker reads nothing until it is told to."""

    def __init__(self) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._broker = self._context.socket(zmq.ROUTER)
        public, secret = zmq.curve_keypair()
        self._broker.setsockopt(zmq.CURVE_SERVER, 1)
        self._broker.setsockopt(zmq.CURVE_SECRETKEY, secret)
        self._broker.setsockopt(zmq.RCVHWM, 1)
        self._broker.setsockopt(zmq.RCVBUF, 4096)
        port = free_port()
        self._broker.bind(f"tcp://127.0.0.1:{port + FILES}")
        access = Access(Address("127.0.0.1", port, None), z85.decode(public), new_keys())
        self.channel = FileChannel(access, Trail())
        self.channel.open()
        eventually(lambda: not self.channel.broken() and self.channel.ever_met)
        while self.channel.ready:
            self.channel.say(UPLOAD, Chunk(0), bytes(CHUNK))
        self._leaving = threading.Thread(target=self.channel.close)

    def leave(self) -> None:
        """The client begins to close its link."""
        self._leaving.start()

    def has_left(self, seconds: float) -> bool:
        """Whether it has closed it, within so many seconds from now."""
        self._leaving.join(seconds)
        return not self._leaving.is_alive()

    def heard(self) -> FileMessage:
        """The broker reads until it has heard a word that is no chunk."""
        while self._broker.poll(int(PATIENCE * 1000)):
            _, *frames = self._broker.recv_multipart()
            _, message = unpack(frames, FROM_CLIENT)
            if not isinstance(message, Chunk):
                return message
        raise AssertionError("the last word never came")

    def close(self) -> None:
        """Release everything."""
        self._broker.close(linger=0)
        self._context.term()
        assert self.has_left(PATIENCE)


@pytest.fixture
def slow() -> Iterator[Slow]:
    link = Slow()
    yield link
    link.close()


def test_that_a_file_was_given_up_is_said_however_slowly_its_broker_reads(slow: Slow) -> None:
    slow.channel.say(UPLOAD, Stop("integrity"))
    slow.leave()
    assert not slow.has_left(QUICK), "nobody has heard it yet"
    assert isinstance(slow.heard(), Stop)
    assert slow.has_left(SOON)


def test_a_client_that_pauses_does_not_wait_for_a_broker_that_does_not_read(slow: Slow) -> None:
    slow.channel.say(UPLOAD, Pause())
    slow.leave()
    assert slow.has_left(SOON)
