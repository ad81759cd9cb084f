"""A ZMTP 3.1 peer of which every byte may be odd: greeting, CURVE handshake, frames, how it leaves.

Each step can be left out, repeated or changed by the caller; the peer itself only knows what a right one
looks like. It never waits longer than PATIENCE. Sources: rfc.zeromq.org/spec/37 (ZMTP 3.1), /26 (CurveZMQ).
"""

import os
import socket
import struct
from collections.abc import Iterable
from typing import Self

import zmq
from zmq.utils import z85

from cnmessage_client.profile import KeyPair
from tests.fuzz.boxes import Sealing, box

PATIENCE = 1.0
MORE, LONG, COMMAND = 1, 2, 4
"""Flags of a frame on the wire."""

BOXED_COMMAND = 2
"""What marks a command inside a CURVE box: libzmq puts its own flag there, not that of the wire."""

SIGNATURE = b"\xff" + bytes(7) + b"\x01\x7f"
GREETING = SIGNATURE + b"\x03\x01" + b"CURVE".ljust(20, b"\0") + b"\0" + bytes(31)
NULL_GREETING = SIGNATURE + b"\x03\x01" + b"NULL".ljust(20, b"\0") + b"\0" + bytes(31)
_GREETING_SIZE = 64

Properties = Iterable[tuple[bytes, bytes]]


def wire(flags: int, body: bytes) -> bytes:
    """A frame as it lies on the wire."""
    if len(body) > 255:
        return struct.pack(">BQ", flags | LONG, len(body)) + body
    return struct.pack(">BB", flags & ~LONG, len(body)) + body


def command(name: bytes, body: bytes = b"") -> bytes:
    """A command's body: its name, its data."""
    return struct.pack(">B", len(name)) + name + body


def metadata(properties: Properties) -> bytes:
    """Properties as ZMTP writes them."""
    return b"".join(
        struct.pack(">B", len(name)) + name + struct.pack(">I", len(value)) + value
        for name, value in properties
    )


class Peer:
    """One TCP connection. Use as a context; leaves by an ordinary close unless told otherwise."""

    def __init__(self, port: int, broker_key: bytes) -> None:
        self._broker_key = broker_key
        self.tcp = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.nonce = 0
        self.cookie = b""
        self._buffer = b""
        self._box: Sealing | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave by an end."""
        self.tcp.close()

    # -- bytes ------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self.tcp.sendall(data)

    def drip(self, data: bytes) -> None:
        """The same, a segment for each byte."""
        for place in range(len(data)):
            self.tcp.send(data[place : place + 1])

    def reset(self) -> None:
        """Leave by a reset instead of an end."""
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.tcp.close()

    def half_close(self) -> None:
        """Say that nothing more will be sent; go on listening."""
        self.tcp.shutdown(socket.SHUT_WR)

    def read(self, size: int) -> bytes:
        """So many bytes; EOFError when the broker hung up."""
        while len(self._buffer) < size:
            data = self.tcp.recv(1 << 16)
            if not data:
                raise EOFError("the broker hung up")
            self._buffer += data
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def frame(self) -> bytes:
        """The body of the next frame."""
        flags = self.read(1)[0]
        size = struct.unpack(">Q", self.read(8))[0] if flags & LONG else self.read(1)[0]
        return self.read(size)

    # -- handshake --------------------------------------------------------------------------------

    def greet(self, greeting: bytes = GREETING) -> None:
        """Exchange greetings."""
        self.send(greeting)
        self.read(_GREETING_SIZE)

    def hello(self) -> bytes:
        """The body of a right HELLO; makes the short-term keys."""
        self.short_public, self._short_secret = (z85.decode(each) for each in zmq.curve_keypair())
        zeros = box(self._short_secret, self._broker_key).seal(b"CurveZMQHELLO---" + self.count(), bytes(64))
        return command(b"HELLO", b"\x01\0" + bytes(72) + self.short_public + self.counted() + zeros)

    def welcomed(self) -> None:
        """Take the broker's WELCOME."""
        body = self.frame()
        if not body.startswith(b"\x07WELCOME"):
            raise EOFError(f"no WELCOME but {body[:16]!r}")
        opened = box(self._short_secret, self._broker_key).open(b"WELCOME-" + body[8:24], body[24:])
        self._box = box(self._short_secret, opened[:32])
        self._server_short, self.cookie = opened[:32], opened[32:]

    def initiate(self, keys: KeyPair, properties: bytes) -> bytes:
        """The body of an INITIATE with these raw bytes as its metadata."""
        assert self._box is not None
        public, secret = z85.decode(keys.public), z85.decode(keys.secret)
        salt = os.urandom(16)
        vouch = box(secret, self._server_short).seal(b"VOUCH---" + salt, self.short_public + self._broker_key)
        sealed = self._box.seal(b"CurveZMQINITIATE" + self.count(), public + salt + vouch + properties)
        return command(b"INITIATE", self.cookie + self.counted() + sealed)

    def admit(self, keys: KeyPair, properties: Properties) -> None:
        """A whole handshake as it should be, up to READY."""
        self.greet()
        self.send(wire(COMMAND, self.hello()))
        self.welcomed()
        self.send(wire(COMMAND, self.initiate(keys, metadata(properties))))
        self.frame()

    # -- after it ---------------------------------------------------------------------------------

    def sealed(self, flags: int, body: bytes, outer: int = 0) -> bytes:
        """A MESSAGE as it lies on the wire; `flags` inside the box, `outer` on the frame."""
        return wire(outer, self.message(flags, body))

    def message(self, flags: int, body: bytes) -> bytes:
        """The body of a MESSAGE."""
        assert self._box is not None
        box_ = self._box.seal(b"CurveZMQMESSAGEC" + self.count(), bytes([flags]) + body)
        return b"\x07MESSAGE" + self.counted() + box_

    def heard(self) -> list[bytes]:
        """The frames of the next message of the broker."""
        assert self._box is not None
        frames = []
        while True:
            body = self.frame()
            plain = self._box.open(b"CurveZMQMESSAGES" + body[8:16], body[16:])
            if not plain[0] & BOXED_COMMAND:
                frames.append(plain[1:])
                if not plain[0] & MORE:
                    return frames

    def count(self) -> bytes:
        """The next nonce."""
        self.nonce += 1
        return self.counted()

    def counted(self) -> bytes:
        """The nonce as it is."""
        return struct.pack(">Q", self.nonce & 0xFFFFFFFFFFFFFFFF)
