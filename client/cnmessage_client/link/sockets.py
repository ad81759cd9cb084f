"""What every socket of a client has in common: where it goes, and what proves both sides to each other."""

from typing import NamedTuple

import zmq
from zmq.utils import z85

from cnmessage_client.profile import Address, KeyPair

CURVE_OVERHEAD = 64
"""CURVE's framing (33 bytes) counts into MAXMSGSIZE."""


class Access(NamedTuple):
    """Where the broker is, its raw public key, and the device's own keys."""

    address: Address
    broker_key: bytes
    keys: KeyPair


def common(socket: "zmq.Socket[bytes]", address: Address) -> None:
    """Options of every socket."""
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.IPV6, 1 if ":" in address.host else 0)
    socket.setsockopt(zmq.RECONNECT_IVL, 200)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 10_000)
    socket.setsockopt(zmq.HANDSHAKE_IVL, 5000)


def secured(context: "zmq.Context[zmq.Socket[bytes]]", kind: int, access: Access) -> "zmq.Socket[bytes]":
    """A socket that talks with the holder of the broker's key only."""
    socket = context.socket(kind)
    common(socket, access.address)
    socket.setsockopt(zmq.CURVE_SERVERKEY, z85.encode(access.broker_key))
    socket.setsockopt(zmq.CURVE_PUBLICKEY, access.keys.public)
    socket.setsockopt(zmq.CURVE_SECRETKEY, access.keys.secret)
    socket.setsockopt(zmq.HEARTBEAT_IVL, 2000)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 6000)
    return socket


def endpoint(address: Address, offset: int) -> str:
    """A port of the broker, counted from its request port."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"tcp://{host}:{address.port + offset}"
