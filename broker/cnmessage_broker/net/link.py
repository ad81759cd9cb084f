"""One connection of a peer, as links.py keeps it, and how many bytes may be held for it."""

from dataclasses import dataclass

import zmq

from cnmessage_broker.net.gate import network_of
from cnmessage_broker.net.tcp import Place

GONE = -1
"""The descriptor of a connection that has ended."""

NOWHERE: Place = ("", 0)
"""Where a connection comes from that left before anybody looked."""


_CURVE = 33
_SHORT, _LONG = 2, 9
_LONG_FROM = 256


@dataclass(frozen=True, slots=True)
class LinkBounds:
    """Bytes that are held for connections.

    `unread` were handed to a connection and not taken by it, `untold` came from it and are part of no whole
    message. `expected_of_all` is how much more may wait of those that were told to send.
    """

    unread: int = 4 << 20
    unread_of_key: int = 32 << 20
    unread_of_all: int = 256 << 20
    untold: int = 2 << 20
    untold_of_all: int = 32 << 20
    expected_of_all: int = 0
    untold_pressed: int = 1 << 20


@dataclass(slots=True, eq=False)
class Link:
    """One connection. `key`, `number` and `routing_id` are known once it has said something.

    `socket` is the bound one that it came to; `expected`: bytes that it was told to send.
    """

    place: Place
    opened_at: float
    descriptor: int = GONE
    socket: "zmq.Socket[bytes] | None" = None
    key: str = ""
    number: int = 0
    routing_id: bytes = b""
    unread: int = 0
    heard: int = 0
    untold: int = 0
    expected: int = 0
    looked: int = 0
    taken: int = 0
    idle_since: float | None = None
    said: int = 0
    cut: bool = False

    @property
    def address(self) -> str:
        """What its place counts as: an IPv4 address, or the network of an IPv6 one."""
        return network_of(self.place[0])

    @property
    def open(self) -> bool:
        """Whether it still stands, as far as libzmq has told."""
        return self.descriptor != GONE


def on_the_wire(size: int) -> int:
    """Bytes of a frame on its connection, with what CURVE and ZMTP add (rfc.zeromq.org/spec/26 and /37)."""
    sealed = size + _CURVE
    return sealed + (_SHORT if sealed < _LONG_FROM else _LONG)
