"""A wire before a broker that loses pushes, as a network between publisher and subscriber may.

What comes back on the port of deliveries is read as frames of ZMTP 3.1 (rfc.zeromq.org/spec/37); a push is
three messages in CURVE boxes, which are lost together, so that the connection itself stays whole. What libzmq
says for itself (heartbeats) passes.
"""

import socket
from collections.abc import Callable
from typing import Any

from cnmessage_protocol.ids import ID_SIZE
from tests.support.proxy import Proxy

DELIVERIES = 1
"""The port of deliveries, above that of requests."""

_GREETING = 64
_LONG = 2
_BOXED = b"\x07MESSAGE"
_TOPIC = len(_BOXED) + 8 + 16 + 1 + ID_SIZE
"""Bytes of a box with a topic: nonce, authenticator and flags stand before it. Nothing else has this size."""

_PUSH = 3


class LossyProxy(Proxy):
    """Asks `drop` once for each push; it may be set anew while the proxy runs. `dropped` counts the lost."""

    def __init__(self, address: str, drop: Callable[[], bool], **more: Any) -> None:
        super().__init__(address, DELIVERIES, lambda: None, **more)
        self.drop = drop
        self.dropped = 0
        self._frames: dict[socket.socket, _Frames] = {}

    def passed(self, side: socket.socket, data: bytes) -> bytes:
        """What goes on of what the broker sent on the port of deliveries."""
        if side not in self._left or side in self._upwards:
            return data
        return self._frames.setdefault(side, _Frames(self._is_lost)).passed(data)

    def _is_lost(self) -> bool:
        lost = self.drop()
        self.dropped += lost
        return lost


class _Frames:
    """Bytes of one connection, cut into frames."""

    def __init__(self, is_lost: Callable[[], bool]) -> None:
        self._is_lost = is_lost
        self._buffer = b""
        self._greeting = _GREETING
        """Bytes of the greeting to come; a peer waits for its first ones before it sends the others."""
        self._rest = 0
        """Messages of the present push that are still to come."""
        self._losing = False

    def passed(self, data: bytes) -> bytes:
        kept, self._buffer = data[: self._greeting], self._buffer + data[self._greeting :]
        self._greeting -= len(kept)
        while size := self._next():
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            kept += b"" if self._lost(frame) else frame
        return kept

    def _next(self) -> int:
        """How long the next frame is; 0 when it is not whole yet."""
        head = 9 if self._buffer[:1] and self._buffer[0] & _LONG else 2
        if len(self._buffer) < head:
            return 0
        size = head + int.from_bytes(self._buffer[1:head], "big")
        return size if len(self._buffer) >= size else 0

    def _lost(self, frame: bytes) -> bool:
        body = frame[9:] if frame[0] & _LONG else frame[2:]
        if not body.startswith(_BOXED):
            return False
        if self._rest == 0 and len(body) == _TOPIC:
            self._rest, self._losing = _PUSH, self._is_lost()
        if self._rest == 0 or len(body) < _TOPIC - ID_SIZE + 8:
            return False  # a heartbeat, which may come between two messages of a push
        self._rest -= 1
        return self._losing
