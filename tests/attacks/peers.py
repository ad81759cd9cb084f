"""What attackers are made of: links with many requests under way, plain connections, quick ZMTP by hand.

Nothing here waits without a deadline, and what a broker does to these peers (refuses, resets, keeps silent)
is an answer, not an error.
"""

import ctypes
import socket
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import zmq

from cnmessage_client.profile import KeyPair
from cnmessage_protocol.codec import REPLY_LIMITS, decode
from cnmessage_protocol.errors import ProtocolError
from tests.attacks.ground import Account, Ground
from tests.support.raw import HandPeer, Raw, frame

PUSHES, FILES, PROBE = 1, 2, 3
"""Ports, counted from the request port."""

SMALL = {"RCVHWM": 1, "RCVBUF": 4096}
"""Options of a peer that reads nothing, so that what it does not read waits at the broker and not here."""

_PATIENCE = 3.0
"""Seconds a step before the attack may take; a broker that refuses it then has won."""

_FORGET = 0.5


class Link:
    """A DEALER with several requests under way."""

    def __init__(self, raw: Raw, keys: KeyPair, **options: Any) -> None:
        self.socket = raw.dealer(keys, SNDHWM=1000, **options)
        self.waiting = 0
        self._heard_at = 0.0

    def throw(self, data: bytes) -> bool:
        """Send a frame unless the socket is full."""
        try:
            self.socket.send(data, zmq.NOBLOCK)
        except zmq.Again:
            return False
        self.waiting += 1
        return True

    def may_throw(self, depth: int, now: float) -> bool:
        """Whether fewer than `depth` are under way; what had no answer for a while is not waited for."""
        if self.waiting and now - self._heard_at > _FORGET:
            self.waiting, self._heard_at = 0, now
        return self.waiting < depth

    def drain(self, ground: Ground) -> None:
        """Take all answers that are there."""
        with suppress(zmq.Again):
            while True:
                ground.hear(b"".join(self.socket.recv_multipart(zmq.NOBLOCK)))
                self.waiting = max(0, self.waiting - 1)
                self._heard_at = ground.now


def links_of(raw: Raw, accounts: Iterable[Account], each: int = 1, **options: Any) -> list[Link]:
    """`each` links of every account."""
    return [Link(raw, account.keys, **options) for account in accounts for _ in range(each)]


def flood(ground: Ground, links: Sequence[Link], next_frame: Callable[[], bytes], depth: int = 16) -> None:
    """Keep `depth` requests under way on every link, until the time is over."""
    poller = zmq.Poller()
    by_socket = {link.socket: link for link in links}
    for link in links:
        poller.register(link.socket, zmq.POLLIN)
    while ground.going():
        now = ground.now
        for link in links:
            while link.may_throw(depth, now) and link.throw(next_frame()):
                ground.tally.tried += 1
        for found, _ in poller.poll(10):
            by_socket[found].drain(ground)


def ask(ground: Ground, link: "zmq.Socket[bytes]", verb: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """One request and its result; an empty map when it was refused or nothing came."""
    with suppress(zmq.Again):
        link.send(frame(verb, arguments), zmq.NOBLOCK)
    if not link.poll(int(_PATIENCE * 1000)):
        return {}
    data = link.recv()
    ground.hear(data)
    with suppress(ProtocolError, ValueError):
        _, _, status, result = decode(data, REPLY_LIMITS)
        return dict(result) if status == "ok" else {}
    return {}


# -- plain TCP --------------------------------------------------------------------------------------


class Crowd:
    """Plain connections that are held, the oldest given up for a new one; `held` is the most at once."""

    def __init__(self, raw: Raw, held: int) -> None:
        self._host, self._port, self._held = raw.host, raw.port, held
        self._open: list[socket.socket] = []

    def connect(self, offset: int, first_words: bytes = b"", wait: float = 0.5) -> bool:
        """One more; False when it was refused or reset."""
        if len(self._open) >= self._held:
            self._open.pop(0).close()
        try:
            new = socket.create_connection((self._host, self._port + offset), wait)
            self._open.append(new)
            new.settimeout(wait)
            new.sendall(first_words)
        except OSError:
            return False
        return True

    def heard(self, ground: Ground) -> None:
        """Read what has come, without waiting."""
        for each in self._open:
            with suppress(OSError):
                each.setblocking(False)
                ground.hear(each.recv(4096))

    def close(self) -> None:
        """Give all up."""
        for each in self._open:
            each.close()
        self._open.clear()


def greeting(mechanism: bytes) -> bytes:
    """The first 64 bytes of ZMTP 3.1."""
    return b"\xff" + bytes(8) + b"\x7f\x03\x01" + mechanism.ljust(20, b"\0") + bytes(32)


def null_handshake(kind: bytes, identity: bytes = b"") -> bytes:
    """All that a peer without CURVE says until it is let in."""
    ready = b"\x05READY" + b"".join(
        struct.pack(">B", len(name)) + name + struct.pack(">I", len(value)) + value
        for name, value in ((b"Socket-Type", kind), (b"Identity", identity))
    )
    return greeting(b"NULL") + struct.pack(">BB", 4, len(ready)) + ready


# -- ZMTP by hand -----------------------------------------------------------------------------------


def _sodium() -> ctypes.CDLL | None:
    """The library that libzmq itself brings; without it, sealing is slow and floods are small."""
    folder = Path(zmq.__file__).parents[1] / "pyzmq.libs"
    for path in folder.glob("libsodium*"):
        return ctypes.CDLL(str(path))
    return None


_SODIUM = _sodium()
_MORE, _COMMAND = 1, 2


class HandMade(HandPeer):
    """A CURVE peer of any port and kind that says what no ZeroMQ library would."""

    def __init__(self, ground: Ground, keys: KeyPair, offset: int = 0, kind: bytes = b"DEALER") -> None:
        raw = Raw(ground.place.address)
        raw.port += offset
        super().__init__(raw, b"CURVE", [])
        raw.context.term()
        self._properties = [(b"Socket-Type", kind), (b"Identity", b"")]
        self._socket.settimeout(_PATIENCE)
        self.curve(keys)

    @classmethod
    def made(cls, ground: Ground, keys: KeyPair, offset: int = 0, kind: bytes = b"DEALER") -> Self | None:
        """The same, or None when the broker did not let it in."""
        with suppress(OSError, IndexError, AssertionError, struct.error):
            return cls(ground, keys, offset, kind)
        return None

    def message(self, data: bytes, *, more: bool = False) -> None:
        """One frame; with `more`, others of the same message follow."""
        self._sealed(_MORE if more else 0, data)

    def ping(self, ttl: float) -> None:
        """ "If you hear nothing from me for `ttl` seconds, I am gone"."""
        self._sealed(_COMMAND, b"\x04PING" + struct.pack(">H", int(ttl * 10)) + b"are you there")

    def heard(self, ground: Ground) -> None:
        """Read what has come, without waiting; it is sealed."""
        self._socket.setblocking(False)
        with suppress(OSError):
            while data := self._socket.recv(1 << 16):
                ground.hear(data)
        self._socket.settimeout(_PATIENCE)

    def _sealed(self, flags: int, data: bytes) -> None:
        nonce = b"CurveZMQMESSAGEC" + self._next()
        plain = bytes([flags]) + data
        if _SODIUM is None:
            sealed = self._box.seal(nonce, plain)
        else:
            room = ctypes.create_string_buffer(len(plain) + 16)
            _SODIUM.crypto_secretbox_easy(room, plain, ctypes.c_ulonglong(len(plain)), nonce, self._box._key)
            sealed = room.raw
        self._send(0, b"\x07MESSAGE" + nonce[16:] + sealed)


def close_all(peers: Iterable[HandMade]) -> None:
    """Hang up."""
    for each in peers:
        each.__exit__()


def pause(ground: Ground, seconds: float) -> None:
    """Let time pass, but never beyond the attack's own."""
    time.sleep(min(seconds, ground.left()))
