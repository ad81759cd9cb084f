"""ZAP: who may connect. Any CURVE key may; its z85 text becomes the User-Id of every frame it sends.

The key is the credential, so admission says nothing about accounts. Everything that is not CURVE on our own
domain is refused. Answers as ZAP 1.0 lays down (rfc.zeromq.org/spec/27). Owned by the reactor.
"""

from collections import OrderedDict

import zmq
from zmq.utils import z85

DOMAIN = b"cnmessage"
_VERSION = b"1.0"
_MAX_ADDRESSES = 10_000
_DRAIN = 1000


class Admission:
    """Answers ZAP requests and remembers from which address each key came last."""

    def __init__(self) -> None:
        self._addresses: OrderedDict[str, str] = OrderedDict()

    def address_of(self, key: str) -> str:
        """The address a key connected from; empty if that was too long ago to know."""
        return self._addresses.get(key, "")

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
        envelope, request_id = frames[:2], frames[3]
        domain, address, mechanism = frames[4], frames[5], frames[7]
        credentials = frames[8:]
        if domain != DOMAIN or mechanism != b"CURVE" or len(credentials) != 1 or len(credentials[0]) != 32:
            return [*envelope, _VERSION, request_id, b"400", b"only CURVE on this broker", b"", b""]
        key = z85.encode(credentials[0]).decode()
        self._addresses[key] = address.decode(errors="replace")
        self._addresses.move_to_end(key)
        if len(self._addresses) > _MAX_ADDRESSES:
            self._addresses.popitem(last=False)
        return [*envelope, _VERSION, request_id, b"200", b"OK", key.encode(), b""]
