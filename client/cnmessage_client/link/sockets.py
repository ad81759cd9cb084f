"""What every socket of a client has in common: where it goes, and what proves both sides to each other."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import zmq
from zmq.utils import z85

from cnmessage_client.address import Address
from cnmessage_client.home_files import RAISE_LIMIT, need_descriptors
from cnmessage_client.profile import KeyPair
from cnmessage_protocol.errors import CnMessageError, ErrorCode

CURVE_OVERHEAD = 64
"""CURVE's framing (33 bytes) counts into MAXMSGSIZE."""

_LEAST = 10
"""Descriptors that must be free for a context and its first connection: six for libzmq's two threads and
itself, two for a monitor, one for the connection."""


class Access(NamedTuple):
    """Where the broker is, its raw public key, and the device's own keys.

    `number` is the address of its host that takes connections, once a name was looked up.
    """

    address: Address
    broker_key: bytes
    keys: KeyPair
    number: str = ""


def _common(socket: "zmq.Socket[bytes]") -> None:
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RECONNECT_IVL, 200)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 10_000)
    socket.setsockopt(zmq.HANDSHAKE_IVL, 5000)


@contextmanager
def can_open() -> Iterator[None]:
    """What is opened within, or STORAGE with what to do where this machine lets nothing more be opened."""
    try:
        yield
    except (zmq.ZMQError, OSError) as error:
        text = f"this machine lets no connection be opened: {error.strerror}; {RAISE_LIMIT}"
        raise CnMessageError(ErrorCode.STORAGE, text) from error


def new_context() -> "zmq.Context[zmq.Socket[bytes]]":
    """A context whose threads run; STORAGE where there is no room for them.

    libzmq ends the whole process if it finds no descriptors for them, so it is looked before it is asked.
    """
    need_descriptors(_LEAST)
    with can_open():
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        context.socket(zmq.PAIR).close()  # they start with the first socket
    return context


def secured(context: "zmq.Context[zmq.Socket[bytes]]", kind: int, access: Access) -> "zmq.Socket[bytes]":
    """A socket that talks with the holder of the broker's key only; STORAGE where none can be opened."""
    with can_open():
        socket = context.socket(kind)
    _common(socket)
    socket.setsockopt(zmq.CURVE_SERVERKEY, z85.encode(access.broker_key))
    socket.setsockopt(zmq.CURVE_PUBLICKEY, access.keys.public)
    socket.setsockopt(zmq.CURVE_SECRETKEY, access.keys.secret)
    socket.setsockopt(zmq.HEARTBEAT_IVL, 2000)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 6000)
    return socket


def connect(socket: "zmq.Socket[bytes]", access: Access, offset: int) -> None:
    """Connect, in the background, to a port of the broker, counted from its first.

    By number: of a name libzmq knows only the first address, and an IPv4 one only if it is told so.
    """
    there = access.address._replace(host=access.number or access.address.host)
    socket.setsockopt(zmq.IPV6, 1 if ":" in there.host else 0)
    socket.connect(f"tcp://{there.place_of(offset)}")
