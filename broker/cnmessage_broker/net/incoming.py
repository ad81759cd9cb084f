"""Whole messages from a bound socket, of so many parts at most.

libzmq hands a message over when all of it is there, and then it must be read to its end: a million parts
take a second. What is beyond the bound is read past in bites, kept nowhere. Must not know what messages mean.
"""

from collections.abc import Callable
from typing import NamedTuple

import zmq

MOST_PARTS = 64
"""Parts of a message that are looked at."""

_BITE = 500
"""Parts read past between two looks at the time."""


class Multipart(NamedTuple):
    """The routing id's frame and what follows; not `whole` when there was more than is looked at."""

    frames: list[zmq.Frame]
    whole: bool


class Incoming:
    """Reads one socket without blocking; `monotonic` gives seconds."""

    def __init__(self, socket: "zmq.Socket[bytes]", monotonic: Callable[[], float]) -> None:
        self._socket = socket
        self._monotonic = monotonic
        self._inside = False

    def take(self, ends: float) -> Multipart | None:
        """The next message; None when time is up before a long one is read past. zmq.Again: there is none."""
        while self._inside and not self._read_past():
            if self._monotonic() > ends:
                return None
        frames = [self._socket.recv(zmq.NOBLOCK, copy=False)]
        while frames[-1].more and len(frames) <= MOST_PARTS:
            frames.append(self._socket.recv(zmq.NOBLOCK, copy=False))
        self._inside = frames[-1].more
        return Multipart(frames, not self._inside)

    def _read_past(self) -> bool:
        """A bite of what nobody looks at; whether that was its end."""
        for _ in range(_BITE):
            if not self._socket.recv(zmq.NOBLOCK, copy=False).more:
                self._inside = False
                return True
        return False
