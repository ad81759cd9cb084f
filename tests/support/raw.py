"""Raw peers that keep to no rule of ours: bare pyzmq sockets, and ZMTP 3.1 with CURVE written by hand.

The handwritten peer exists because libzmq refuses to send metadata named `User-Id`, which is what an attacker
would forge. Sources: rfc.zeromq.org/spec/37 (ZMTP 3.1), /26 (CurveZMQ), cr.yp.to/snuffle/xsalsa-20110204.pdf.
"""

import os
import socket
import struct
from collections.abc import Iterable
from typing import Any, Self

import zmq
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.poly1305 import Poly1305
from zmq.utils import z85
from zmq.utils.monitor import recv_monitor_message

from cnmessage_client.address import parse_address
from cnmessage_client.profile import KeyPair
from cnmessage_protocol.codec import encode
from cnmessage_protocol.envelope import VERSION, Reply, unpack_reply
from tests.support.patience import PATIENCE


def new_keys() -> KeyPair:
    """A valid CURVE key pair that no account knows."""
    return KeyPair(*zmq.curve_keypair())


def frame(verb: Any, arguments: Any, request_id: Any = 1, version: Any = VERSION) -> bytes:
    """A request as an attacker writes it: nothing is checked."""
    return encode([version, request_id, verb, arguments])


class Raw:
    """Bare sockets towards one broker, closed together."""

    def __init__(self, address: str) -> None:
        place = parse_address(address)
        assert place.key is not None
        self.host, self.port, self.key = place.host, place.port, place.key
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._made: list[zmq.Socket[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for made in self._made:
            made.close(linger=0)
        self.context.term()

    def socket(self, kind: int, keys: KeyPair | None, offset: int = 0, **options: Any) -> "zmq.Socket[bytes]":
        """A connected socket; without `keys` it speaks the NULL mechanism, or what `options` say."""
        made = self._new(kind)
        if keys is not None:
            made.setsockopt(zmq.CURVE_SERVERKEY, z85.encode(self.key))
            made.setsockopt(zmq.CURVE_PUBLICKEY, keys.public)
            made.setsockopt(zmq.CURVE_SECRETKEY, keys.secret)
        for name, value in options.items():
            made.setsockopt(getattr(zmq, name), value)
        made.connect(f"tcp://{self.host}:{self.port + offset}")
        return made

    def _new(self, kind: int) -> "zmq.Socket[bytes]":
        made = self.context.socket(kind)
        self._made.append(made)
        return made

    def dealer(self, keys: KeyPair | None, **options: Any) -> "zmq.Socket[bytes]":
        """A peer of the request socket."""
        return self.socket(zmq.DEALER, keys, **options)

    def admitted(self, kind: int, offset: int, **options: Any) -> bool:
        """Whether a peer without CURVE gets through the handshake; decided by libzmq's own events."""
        made = self._new(kind)
        events = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_DISCONNECTED
        events |= zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
        monitor = made.get_monitor_socket(events)
        for name, value in options.items():
            made.setsockopt(getattr(zmq, name), value)
        made.connect(f"tcp://{self.host}:{self.port + offset}")
        try:
            assert monitor.poll(int(PATIENCE * 1000)), "the broker neither admitted nor refused"
            return bool(recv_monitor_message(monitor)["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED)
        finally:
            made.disable_monitor()
            monitor.close(linger=0)


def ask(peer: "zmq.Socket[bytes]", verb: Any, arguments: Any, seconds: float = PATIENCE) -> Reply:
    """One request and its reply; TimeoutError when none comes."""
    peer.send(frame(verb, arguments))
    return answer(peer, seconds)


def answer(peer: "zmq.Socket[bytes]", seconds: float = PATIENCE) -> Reply:
    """The next reply; TimeoutError when none comes."""
    if not peer.poll(int(seconds * 1000)):
        raise TimeoutError
    return unpack_reply(peer.recv())


def everything(handler: "zmq.Socket[bytes]", first_wait_ms: int = 0) -> bytes:
    """All bytes a socket has received, joined."""
    parts: list[bytes] = []
    if first_wait_ms:
        handler.poll(first_wait_ms)
    while handler.poll(0):
        parts += handler.recv_multipart()
    return b"\0".join(parts)


# -- NaCl's crypto_box, as CURVE needs it ----------------------------------------------------------

_SIGMA = struct.unpack("<4I", b"expand 32-byte k")
_QUARTERS = (
    (0, 4, 8, 12),
    (5, 9, 13, 1),
    (10, 14, 2, 6),
    (15, 3, 7, 11),
    (0, 1, 2, 3),
    (5, 6, 7, 4),
    (10, 11, 8, 9),
    (15, 12, 13, 14),
)


def _salsa(key: bytes, block: bytes, *, core: bool) -> bytes:
    k, n = struct.unpack("<8I", key), struct.unpack("<4I", block)
    start = [_SIGMA[0], *k[:4], _SIGMA[1], *n, _SIGMA[2], *k[4:], _SIGMA[3]]
    x = list(start)
    for _ in range(10):
        for a, b, c, d in _QUARTERS:
            for target, left, right, turn in ((b, a, d, 7), (c, b, a, 9), (d, c, b, 13), (a, d, c, 18)):
                total = (x[left] + x[right]) & 0xFFFFFFFF
                x[target] ^= (total << turn | total >> (32 - turn)) & 0xFFFFFFFF
    if core:  # HSalsa20: the words that reveal nothing of the input
        return struct.pack("<8I", *(x[i] for i in (0, 5, 10, 15, 6, 7, 8, 9)))
    return struct.pack("<16I", *((one + two) & 0xFFFFFFFF for one, two in zip(x, start, strict=True)))


def _stream(key: bytes, nonce: bytes, size: int) -> bytes:
    inner = _salsa(key, nonce[:16], core=True)
    blocks = (_salsa(inner, nonce[16:] + struct.pack("<Q", i), core=False) for i in range(size // 64 + 1))
    return b"".join(blocks)[:size]


def _xor(one: bytes, two: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, two, strict=True))


class Box:
    """crypto_box between our secret and their public key, raw 32 bytes each."""

    def __init__(self, secret: bytes, public: bytes) -> None:
        shared = X25519PrivateKey.from_private_bytes(secret).exchange(
            X25519PublicKey.from_public_bytes(public)
        )
        self._key = _salsa(shared, bytes(16), core=True)

    def seal(self, nonce: bytes, plain: bytes) -> bytes:
        """Tag and ciphertext."""
        stream = _stream(self._key, nonce, len(plain) + 32)
        body = _xor(plain, stream[32:])
        return Poly1305.generate_tag(stream[:32], body) + body

    def open(self, nonce: bytes, sealed: bytes) -> bytes:
        """The plain text; InvalidSignature when it was altered."""
        tag, body = sealed[:16], sealed[16:]
        stream = _stream(self._key, nonce, len(body) + 32)
        Poly1305.verify_tag(stream[:32], body, tag)
        return _xor(body, stream[32:])


# -- ZMTP 3.1 by hand ------------------------------------------------------------------------------


def metadata(properties: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Properties as ZMTP writes them."""
    return b"".join(
        struct.pack(">B", len(name)) + name + struct.pack(">I", len(value)) + value
        for name, value in properties
    )


class HandPeer:
    """A DEALER over plain TCP whose metadata may say anything. `mechanism` is CURVE or NULL."""

    def __init__(
        self, raw: Raw, mechanism: bytes, properties: Iterable[tuple[bytes, bytes]], offset: int = 0
    ) -> None:
        self._properties = [(b"Socket-Type", b"DEALER"), (b"Identity", b""), *properties]
        self._broker_key = raw.key
        self._socket = socket.create_connection((raw.host, raw.port + offset), PATIENCE)
        self._stream = self._socket.makefile("rb")
        self._nonce = 0
        greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01" + mechanism.ljust(20, b"\0") + bytes(32)
        self._socket.sendall(greeting)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._socket.close()

    def greeted(self) -> bytes:
        """The broker's greeting, or what came of it before the broker hung up."""
        return self._stream.read(64)

    def null_ready(self) -> bytes:
        """Finish a NULL handshake; gives what the broker says to it, nothing when it hangs up."""
        self.greeted()
        self._command(b"READY", metadata(self._properties))
        return self._rest()

    def _rest(self) -> bytes:
        # The broker hangs up with a reset or with an end; both mean that it says nothing more.
        try:
            return self._stream.read()
        except ConnectionResetError:
            return b""

    def curve(self, keys: KeyPair) -> None:
        """The client's half of CurveZMQ: HELLO, WELCOME, INITIATE, READY."""
        self.greeted()
        public, secret = z85.decode(keys.public), z85.decode(keys.secret)
        short_public, short_secret = (z85.decode(each) for each in zmq.curve_keypair())
        hello = Box(short_secret, self._broker_key).seal(b"CurveZMQHELLO---" + self._next(), bytes(64))
        version = b"\x01\x00" + bytes(72)
        self._command(b"HELLO", version + short_public + struct.pack(">Q", self._nonce) + hello)
        welcome = self._expect(b"WELCOME")
        box = Box(short_secret, self._broker_key).open(b"WELCOME-" + welcome[:16], welcome[16:])
        server_short, cookie = box[:32], box[32:]
        vouch_nonce = os.urandom(16)
        vouch = Box(secret, server_short).seal(b"VOUCH---" + vouch_nonce, short_public + self._broker_key)
        self._box = Box(short_secret, server_short)
        inner = public + vouch_nonce + vouch + metadata(self._properties)
        initiate = self._box.seal(b"CurveZMQINITIATE" + self._next(), inner)
        self._command(b"INITIATE", cookie + struct.pack(">Q", self._nonce) + initiate)
        self._expect(b"READY")

    def ask(self, verb: str, arguments: dict[str, Any]) -> Reply:
        """One request under CURVE and its reply."""
        sealed = self._box.seal(b"CurveZMQMESSAGEC" + self._next(), b"\0" + frame(verb, arguments))
        self._send(0, b"\x07MESSAGE" + struct.pack(">Q", self._nonce) + sealed)
        while True:
            body = self._receive()
            assert body.startswith(b"\x07MESSAGE")
            plain = self._box.open(b"CurveZMQMESSAGES" + body[8:16], body[16:])
            if not plain[0] & 2:  # heartbeats travel as commands
                return unpack_reply(plain[1:])

    def sealed(self, body: bytes, *, command: bool = False, more: bool = False) -> bytes:
        """The bytes of a message, or of a command such as PING, under CURVE; nothing is sent."""
        flags = bytes([command << 1 | more])
        box = self._box.seal(b"CurveZMQMESSAGEC" + self._next(), flags + body)
        whole = b"\x07MESSAGE" + struct.pack(">Q", self._nonce) + box
        if len(whole) > 255:
            return struct.pack(">BQ", 2, len(whole)) + whole
        return struct.pack(">BB", 0, len(whole)) + whole

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def reset(self) -> None:
        """Break the connection with a reset, as a crashed machine's router does."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._stream.close()
        self._socket.close()

    def closed_within(self, seconds: float) -> bool:
        """Whether the broker hangs up in that time."""
        self._socket.settimeout(seconds)
        try:
            while self._stream.read(1):
                pass
        except TimeoutError:
            return False
        except ConnectionResetError:
            return True
        return True

    def _next(self) -> bytes:
        self._nonce += 1
        return struct.pack(">Q", self._nonce)

    def _command(self, name: bytes, body: bytes) -> None:
        self._send(4, struct.pack(">B", len(name)) + name + body)

    def _send(self, flags: int, body: bytes) -> None:
        if len(body) > 255:
            self._socket.sendall(struct.pack(">BQ", flags | 2, len(body)) + body)
        else:
            self._socket.sendall(struct.pack(">BB", flags, len(body)) + body)

    def _receive(self) -> bytes:
        flags = self._stream.read(1)[0]
        size = struct.unpack(">Q", self._stream.read(8))[0] if flags & 2 else self._stream.read(1)[0]
        return self._stream.read(int(size))

    def _expect(self, name: bytes) -> bytes:
        body = self._receive()
        assert body[1:].startswith(name), f"the broker answered {body[:20]!r}"
        return body[1 + len(name) :]
