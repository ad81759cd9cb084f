"""Which of several sockets have something to read, for the price of asking about one.

zmq_poll asks every socket every time: sixty of them take longer than all else in a quiet turn. Here the
kernel says it, by the descriptor that libzmq has for each socket. That one tells only of what came since the
socket was last asked (zmq_getsockopt(3), ZMQ_FD), so one that was read in part, or written to, is asked again
before anybody waits. Must not know what comes on them.
"""

import selectors
from collections.abc import Sequence

import zmq


class Readable:
    """A few sockets that are read together, in any order."""

    def __init__(self, sockets: "Sequence[zmq.Socket[bytes]]") -> None:
        self.sockets = tuple(sockets)
        self._unsure: dict[zmq.Socket[bytes], None] = {}
        self._selector: selectors.EpollSelector | None = None
        if len(self.sockets) > 1:
            self._selector = selectors.EpollSelector()
            self._unsure.update(dict.fromkeys(self.sockets))
            for each in self.sockets:
                self._selector.register(each.fileno(), selectors.EVENT_READ, each)

    def register(self, poller: "zmq.Poller") -> None:
        """Have a poller wake up when one of them has something to read, unless `waiting` says so already."""
        poller.register(self.sockets[0] if self._selector is None else self._selector.fileno(), zmq.POLLIN)

    def take(self) -> "list[zmq.Socket[bytes]]":
        """Those that may have something; each is to be read until zmq.Again, and then `emptied`."""
        if self._selector is None:
            return list(self.sockets)
        for key, _ in self._selector.select(0):
            self._unsure[key.data] = None
        return list(self._unsure)

    def emptied(self, socket: "zmq.Socket[bytes]") -> None:
        """Reading it ended with zmq.Again: whatever comes now, its descriptor will tell."""
        self._unsure.pop(socket, None)

    def touched(self, socket: "zmq.Socket[bytes]") -> None:
        """It was written to, or read but not to its end: its descriptor may be silent about what waits."""
        if self._selector is not None:
            self._unsure[socket] = None

    def waiting(self) -> bool:
        """Whether one has something that no descriptor will tell of; for before a poller waits."""
        while self._unsure:
            socket = next(iter(self._unsure))
            if int(socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
                return True
            del self._unsure[socket]
        return False

    def close(self) -> None:
        """Release what this holds itself; the sockets are their owner's."""
        if self._selector is not None:
            self._selector.close()
