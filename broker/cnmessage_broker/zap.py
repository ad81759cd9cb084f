"""ZAP: who may connect to which port. A key's z85 text becomes the User-Id of every frame it sends.

The key is the credential, so admission says nothing about accounts: on the request port any CURVE key may
come, the other ports are for keys that have something to do there. Each connection gets a number of its own,
which tells it from any other under the same routing id. Answers as ZAP 1.0 lays down
(rfc.zeromq.org/spec/27). Owned by a socket's thread.
"""

import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping

import zmq
from zmq.utils import z85

DOMAIN = b"cnmessage"
"""Of the request port; the other ports have domains of their own."""

DELIVERIES_DOMAIN = b"cnmessage.deliveries"
FILES_DOMAIN = b"cnmessage.files"

CONNECTION = "X-Connection"
"""The property of each frame that holds the connection's number. ZAP's properties win over a peer's own."""

BARRED = 60.0
"""Seconds for which a key that misbehaved is kept out."""

_VERSION = b"1.0"
_MAX_ADDRESSES = 10_000
_MAX_BARRED = 10_000
_DRAIN = 1000
_SIZE = struct.Struct(">I")

Policy = Callable[[str], bool]
"""Whether a key (z85 text) may connect."""


def anybody(_: str) -> bool:
    """The policy of a port for all."""
    return True


class Admission:
    """Answers ZAP requests; `policies` says by domain who may come, `monotonic` gives seconds."""

    def __init__(self, policies: Mapping[bytes, Policy], monotonic: Callable[[], float]) -> None:
        self._policies = policies
        self._monotonic = monotonic
        self._addresses: OrderedDict[str, str] = OrderedDict()
        self._barred: OrderedDict[str, float] = OrderedDict()
        self.admitted = 0
        """How many connections were let in so far; the number of the latest."""

    def address_of(self, key: str) -> str:
        """The address a key connected from last; empty if that was too long ago to know."""
        return self._addresses.get(key, "")

    def bar(self, key: str) -> None:
        """Keep a key out for a while; its connections are for others to cut."""
        self._barred[key] = self._monotonic() + BARRED
        self._barred.move_to_end(key)
        if len(self._barred) > _MAX_BARRED:
            self._barred.popitem(last=False)

    def drain(self, socket: "zmq.Socket[bytes]") -> None:
        """Answer those who wait to be admitted."""
        for _ in range(_DRAIN):
            try:
                frames = socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            answer = self.answer(frames)
            if answer:
                socket.send_multipart(answer)

    def answer(self, frames: list[bytes]) -> list[bytes]:
        """The reply frames to one ZAP request as a ROUTER receives it: envelope, blank, request."""
        if len(frames) < 8 or frames[1] != b"" or frames[2] != _VERSION:
            return []
        head = [*frames[:2], _VERSION, frames[3]]
        domain, address, mechanism = frames[4], frames[5], frames[7]
        credentials = frames[8:]
        policy = self._policies.get(domain)
        if policy is None or mechanism != b"CURVE" or len(credentials) != 1 or len(credentials[0]) != 32:
            return [*head, b"400", b"only CURVE on this broker", b"", b""]
        key = z85.encode(credentials[0]).decode()
        if self._barred.get(key, 0.0) > self._monotonic() or not policy(key):
            # 300: libzmq hangs up without a word, and the peer's libzmq tries again by itself.
            return [*head, b"300", b"not now", b"", b""]
        self._addresses[key] = address.decode(errors="replace")
        self._addresses.move_to_end(key)
        if len(self._addresses) > _MAX_ADDRESSES:
            self._addresses.popitem(last=False)
        self.admitted += 1
        return [*head, b"200", b"OK", key.encode(), _metadata(CONNECTION, str(self.admitted))]


def _metadata(name: str, value: str) -> bytes:
    """One property as ZMTP writes it."""
    return bytes([len(name)]) + name.encode() + _SIZE.pack(len(value)) + value.encode()
