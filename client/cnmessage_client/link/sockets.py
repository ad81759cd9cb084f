"""What every socket of a client has in common: where it goes, and what proves both sides to each other."""

import os
from typing import NamedTuple

import zmq
from zmq.utils import z85

from cnmessage_client.address import Address
from cnmessage_client.home_files import RAISE_LIMIT
from cnmessage_client.profile import KeyPair
from cnmessage_protocol.errors import CnMessageError, ErrorCode

CURVE_OVERHEAD = 64
"""CURVE's framing (33 bytes) counts into MAXMSGSIZE."""

_DESCRIPTORS = 10
"""What the first socket of a context takes, its monitor and its connection: six for libzmq's two threads and
itself, two for the monitor, one for the connection. libzmq ends the process when it finds none.
"""


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


def secured(context: "zmq.Context[zmq.Socket[bytes]]", kind: int, access: Access) -> "zmq.Socket[bytes]":
    """A socket that talks with the holder of the broker's key only; STORAGE where none can be opened."""
    try:
        _require_descriptors()
        socket = context.socket(kind)
    except (OSError, zmq.ZMQError) as error:
        text = f"this machine lets no connection be opened: {error.strerror}; {RAISE_LIMIT}"
        raise CnMessageError(ErrorCode.STORAGE, text) from error
    _common(socket)
    socket.setsockopt(zmq.CURVE_SERVERKEY, z85.encode(access.broker_key))
    socket.setsockopt(zmq.CURVE_PUBLICKEY, access.keys.public)
    socket.setsockopt(zmq.CURVE_SECRETKEY, access.keys.secret)
    socket.setsockopt(zmq.HEARTBEAT_IVL, 2000)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 6000)
    return socket


def _require_descriptors() -> None:
    """OSError unless a socket can have all that it needs."""
    taken: list[int] = []
    try:
        while len(taken) < _DESCRIPTORS:
            taken.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    finally:
        for each in taken:
            os.close(each)


def connect(socket: "zmq.Socket[bytes]", access: Access, offset: int) -> None:
    """Connect, in the background, to a port of the broker, counted from its first.

    By number: of a name libzmq knows only the first address, and an IPv4 one only if it is told so.
    """
    there = access.address._replace(host=access.number or access.address.host)
    socket.setsockopt(zmq.IPV6, 1 if ":" in there.host else 0)
    socket.connect(f"tcp://{there.place_of(offset)}")
