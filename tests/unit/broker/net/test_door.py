"""Who is let in when more come than are let in: a real door, and peers that ask at it as libzmq does."""

from collections.abc import Iterator

import pytest
import zmq

from cnmessage_broker.net.zap import (
    DELIVERIES_DOMAIN,
    DOMAIN,
    HANDSHAKE,
    HANDSHAKES,
    Admission,
    Door,
    anybody,
)
from tests.support.harness import eventually

BURST, RATE = HANDSHAKES


class Clock:
    """A clock that goes when it is told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Asker:
    """Asks at a door and notes who was answered, in order."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", clock: Clock) -> None:
        policies = {DOMAIN: anybody, DELIVERIES_DOMAIN: lambda _: False}
        self.door = Door(context, Admission(policies, clock), clock)
        self._socket = context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.SNDHWM, 0)
        self._socket.connect("inproc://zeromq.zap.01")
        self._poller = zmq.Poller()
        self.door.register(self._poller)
        self.answered: list[int] = []

    def ask(self, *numbers: int, domain: bytes = DOMAIN) -> None:
        """Requests under these numbers."""
        for number in numbers:
            head = [b"", b"1.0", b"%d" % number, domain, b"127.0.0.1", b"", b"CURVE"]
            self._socket.send_multipart([*head, number.to_bytes(32, "big")])

    def waiting(self, count: int) -> None:
        """Turns until so many wait only for the door's pace."""

        def all_there() -> bool:
            self.turn()
            return len(self.door._ready) == count

        eventually(all_there)

    def turn(self) -> None:
        """One turn of the loop; what was answered is noted."""
        self._poller.poll(5)
        self.door.drain()
        while self._socket.poll(0):
            self.answered.append(int(self._socket.recv_multipart()[2]))

    def until(self, count: int) -> None:
        """Turns until so many were answered."""

        def enough() -> bool:
            self.turn()
            return len(self.answered) >= count

        eventually(enough)

    def close(self) -> None:
        """Go."""
        self._socket.close(linger=0)
        self.door.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def asker(clock: Clock) -> Iterator[Asker]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    made = Asker(context, clock)
    yield made
    made.close()
    context.term()


def test_so_many_are_let_in_at_once_and_the_others_in_the_time_that_is_given(
    asker: Asker, clock: Clock
) -> None:
    asker.ask(*range(BURST + 50))
    asker.until(BURST)
    asker.waiting(50)
    clock.now += 20 / RATE
    asker.until(BURST + 20)
    asker.waiting(30)
    assert len(asker.answered) == BURST + 20


def test_who_came_last_is_let_in_first_when_there_are_too_many(asker: Asker, clock: Clock) -> None:
    asker.ask(*range(BURST))
    asker.until(BURST)
    asker.ask(1001, 1002)
    asker.waiting(2)
    asker.ask(1003)
    asker.waiting(3)
    clock.now += 1.5 / RATE
    asker.until(BURST + 1)
    assert asker.answered[-1] == 1003
    clock.now += 2 / RATE
    asker.until(BURST + 3)
    assert asker.answered[-2:] == [1002, 1001]


def test_who_must_have_been_cut_off_meanwhile_takes_nobodys_turn(asker: Asker, clock: Clock) -> None:
    asker.ask(*range(BURST))
    asker.until(BURST)
    asker.ask(*range(1000, 1100))
    asker.waiting(100)
    clock.now += HANDSHAKE / 2
    asker.ask(2000)
    asker.until(BURST + 1)
    clock.now += HANDSHAKE / 2 + 1.0
    asker.waiting(0)
    assert 2000 in asker.answered


def test_a_subscriber_without_a_listener_waits_in_vain_and_takes_nobodys_turn(
    asker: Asker, clock: Clock
) -> None:
    asker.ask(*range(5000, 5000 + BURST), domain=DELIVERIES_DOMAIN)
    asker.ask(*range(BURST))
    asker.until(BURST)
    clock.now += 2 / RATE
    asker.waiting(0)
    assert sorted(asker.answered) == list(range(BURST))
