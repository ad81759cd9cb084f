"""Several sockets behind one descriptor: nothing that waits is overlooked, whatever was done in between."""

from collections.abc import Iterator

import pytest
import zmq

from cnmessage_broker.net.readable import Readable
from tests.support.harness import eventually

COUNT = 4


class Ends:
    """Sockets that are read together, each with a peer over TCP."""

    def __init__(self, count: int) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.mine = [self._context.socket(zmq.PAIR) for _ in range(count)]
        self.theirs = [self._context.socket(zmq.PAIR) for _ in range(count)]
        for mine, their in zip(self.mine, self.theirs, strict=True):
            their.connect(f"tcp://127.0.0.1:{mine.bind_to_random_port('tcp://127.0.0.1')}")
            their.send(b"first")
            assert mine.recv() == b"first"
        self.readable = Readable(self.mine)
        self.poller = zmq.Poller()
        self.readable.register(self.poller)

    def wakes(self, ms: int = 5000) -> bool:
        """Whether the broker's loop would turn: something says so, or the poller does."""
        return self.readable.waiting() or bool(self.poller.poll(ms))

    def read(self) -> list[bytes]:
        """What there is, read as the loop reads it."""
        got = []
        for each in self.readable.take():
            try:
                while True:
                    got.append(each.recv(zmq.NOBLOCK))
            except zmq.Again:
                self.readable.emptied(each)
        return got

    def next(self) -> list[bytes]:
        """What comes next; the loop was woken for it, and perhaps before for nothing."""
        got: list[bytes] = []

        def came() -> bool:
            assert self.wakes(), "what waits wakes nobody"
            got.extend(self.read())
            return bool(got)

        eventually(came)
        return got

    def settle(self) -> None:
        """Read until nothing wakes the loop for a while."""

        def quiet() -> bool:
            assert self.read() == []
            return not self.wakes(20)

        eventually(quiet)

    def close(self) -> None:
        """Go."""
        self.readable.close()
        for each in (*self.mine, *self.theirs):
            each.close(linger=0)
        self._context.term()


@pytest.fixture(params=[1, COUNT])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    made = Ends(request.param)
    yield made
    made.close()


def test_whoever_has_something_wakes_the_loop_and_is_read(ends: Ends) -> None:
    ends.settle()
    for number, their in enumerate(ends.theirs):
        their.send(b"%d" % number)
        assert ends.next() == [b"%d" % number]
    ends.settle()


def test_what_came_while_a_socket_was_written_to_is_not_overlooked(ends: Ends) -> None:
    for mine, their in zip(ends.mine, ends.theirs, strict=True):
        for number in range(200):
            their.send(b"%d" % number)
            mine.send(b"out")  # may take the news of what came with it
            ends.readable.touched(mine)
            assert ends.next() == [b"%d" % number]


def test_what_was_read_in_part_wakes_the_loop_again(ends: Ends) -> None:
    mine, their = ends.mine[-1], ends.theirs[-1]
    for number in range(10):
        their.send(b"%d" % number)
    eventually(lambda: bool(mine.poll(0)))
    for number in range(10):
        assert ends.wakes()
        assert mine in ends.readable.take()
        assert mine.recv() == b"%d" % number
        ends.readable.touched(mine)
    ends.settle()
