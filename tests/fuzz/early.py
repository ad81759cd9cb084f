"""Odd peers before and during the handshake: TCP, greetings, HELLO, INITIATE, metadata."""

import struct

from tests.fuzz.case import PROBE, SECURED, Case, Ground, leave
from tests.fuzz.zmtp import (
    COMMAND,
    GREETING,
    LONG,
    MORE,
    NULL_GREETING,
    SIGNATURE,
    Peer,
    command,
    metadata,
    wire,
)

KINDS = b"PAIR PUB SUB REQ REP DEALER ROUTER PULL PUSH XPUB XSUB STREAM SERVER CLIENT RADIO DISH PEER".split()
MECHANISMS = (b"NULL", b"PLAIN", b"CURVE", b"GSSAPI", b"", b"CURVEX", b"\xff" * 20)
ABSURD = (0, 1, 8192, (1 << 31) - 1, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


def silence(ground: Ground) -> None:
    """Connect and say nothing."""
    ground.keep(ground.peer())


def transcript(ground: Ground, peer: Peer) -> bytes:
    """As much of a right handshake as can be said without listening."""
    if ground.offset == PROBE:
        ready = command(b"READY", metadata(ground.fitting()))
        return NULL_GREETING + wire(COMMAND, ready) + wire(0, b"who are you?")
    return GREETING + wire(COMMAND, peer.hello())


def cut_anywhere(ground: Ground) -> None:
    """A handshake that ends after any of its bytes."""
    peer = ground.peer()
    whole = transcript(ground, peer)
    peer.send(whole[: ground.rng.randint(0, len(whole))])
    leave(ground, peer)


def byte_by_byte(ground: Ground) -> None:
    """A handshake in segments of one byte."""
    peer = ground.peer()
    peer.drip(transcript(ground, peer))
    leave(ground, peer)


def greeting(ground: Ground) -> None:
    """A greeting of another version, mechanism, role or length."""
    rng = ground.rng
    version = rng.choice([b"\x00", b"\x01", b"\x02\x05", b"\x03\x00", b"\x03\x01", b"\x04\x07", b"\xff\xff"])
    start = rng.choice(
        [SIGNATURE, SIGNATURE, b"\xff" + rng.randbytes(8) + b"\x7f", rng.randbytes(10), b"\x01\0"]
    )
    rest = rng.choice(MECHANISMS).ljust(20, b"\0")[:20] + bytes([rng.randrange(256)]) + bytes(31)
    text = start + version + rest
    if rng.random() < 0.3:
        text = text[: rng.randint(0, len(text))]
    peer = ground.peer()
    peer.send(text + rng.randbytes(rng.choice([0, 0, 1, 70, 9000])))
    leave(ground, peer)


def flipped(ground: Ground) -> None:
    """A right handshake with some bytes changed, or noise."""
    peer = ground.peer()
    data = bytearray(transcript(ground, peer))
    for _ in range(ground.rng.randint(1, 6)):
        data[ground.rng.randrange(len(data))] = ground.rng.randrange(256)
    peer.send(bytes(data) if ground.rng.random() < 0.8 else ground.rng.randbytes(500))
    leave(ground, peer)


def first_frame(ground: Ground) -> None:
    """After the greeting a frame with odd flags and an absurd length."""
    peer = ground.peer()
    peer.greet(NULL_GREETING if ground.offset == PROBE else GREETING)
    size = ground.rng.choice(ABSURD)
    peer.send(struct.pack(">BQ", ground.rng.randrange(256) | LONG, size))
    peer.send(ground.rng.randbytes(ground.rng.choice([0, 10, 10_000])))
    leave(ground, peer)


def odd_command(ground: Ground) -> None:
    """Commands that do not belong there, at the stage of HELLO or of INITIATE."""
    rng = ground.rng
    peer = ground.peer()
    if ground.offset == PROBE:
        peer.greet(NULL_GREETING)
    else:
        peer.greet()
        if rng.random() < 0.6:
            peer.send(wire(COMMAND, peer.hello()))
            peer.welcomed()
    names = [
        b"HELLO",
        b"WELCOME",
        b"INITIATE",
        b"READY",
        b"MESSAGE",
        b"ERROR",
        b"PING",
        b"PONG",
        b"SUBSCRIBE",
    ]
    name = rng.choice([*names, b"CANCEL", b"", b"\0", b"N" * 255])
    body = rng.choice([b"", b"\0", b"\xff" * 9, rng.randbytes(rng.choice([16, 194, 249, 250, 600]))])
    text = command(name, body) if rng.random() < 0.8 else b"\xff" + name + body
    for _ in range(rng.choice([1, 1, 2, 5])):
        peer.send(wire(rng.choice([COMMAND, COMMAND, 0, COMMAND | MORE, MORE, 0xF8 | COMMAND]), text))
    leave(ground, peer)


def mutated_hello(ground: Ground) -> None:
    """HELLO twice, of a wrong size, altered, or instead of INITIATE."""
    rng = ground.rng
    peer = ground.peer()
    peer.greet()
    text = bytearray(peer.hello())
    match rng.randrange(4):
        case 0:
            text[rng.randrange(len(text))] ^= 1 << rng.randrange(8)
        case 1:
            del text[rng.randrange(len(text)) :]
        case 2:
            text += rng.randbytes(rng.choice([1, 100, 8192]))
        case _:
            peer.send(wire(COMMAND, bytes(text)))
    peer.send(wire(COMMAND, bytes(text)))
    leave(ground, peer)


def odd_metadata(ground: Ground) -> bytes:
    """Properties as nobody should write them."""
    rng = ground.rng
    right = list(ground.fitting())
    match rng.randrange(9):
        case 0:
            return metadata([(b"Socket-Type", rng.choice(KINDS)), (b"Identity", ground.identity())])
        case 1:
            return metadata([*right, *right, (b"Identity", ground.identity())])
        case 2:
            return metadata([*right, (b"User-Id", b"root"), (b"Peer-Address", b"8.8.8.8"), (b"__fd", b"0")])
        case 3:
            return metadata(right)[: rng.randint(0, 40)]
        case 4:
            return (
                metadata(right)
                + struct.pack(">B", 4)
                + b"Xyzt"
                + struct.pack(">I", rng.choice(ABSURD[:6]) % (1 << 32))
            )
        case 5:
            return metadata(
                [(b"", b""), (b"X-" + b"n" * 253, rng.randbytes(rng.choice([0, 300, 60_000]))), *right]
            )
        case 6:
            return b""
        case 7:
            return rng.randbytes(rng.choice([1, 2, 5, 50, 5000]))
        case _:
            return metadata(
                [
                    (b"Socket-Type", right[0][1] + b"\0"),
                    (b"Identity", bytes(rng.choice([1, 255, 256, 70_000]))),
                ]
            )


def initiates_oddly(ground: Ground) -> None:
    """INITIATE with odd metadata, altered, cut, twice, or with a handshake command after it."""
    rng = ground.rng
    peer = ground.peer()
    peer.greet()
    peer.send(wire(COMMAND, peer.hello()))
    peer.welcomed()
    text = bytearray(peer.initiate(ground.keys(), odd_metadata(ground)))
    match rng.randrange(6):
        case 0:
            text[rng.randrange(len(text))] ^= 1 << rng.randrange(8)
        case 1:
            del text[rng.randrange(len(text)) :]
        case _:
            pass
    flags = rng.choice([COMMAND, COMMAND, COMMAND, 0, COMMAND | MORE])
    peer.send(wire(flags, bytes(text)) * rng.choice([1, 1, 1, 2]))
    if rng.random() < 0.3:
        peer.send(wire(COMMAND, command(b"ERROR", b"\x03400")))
    if rng.random() < 0.3:
        peer.send(peer.sealed(0, b"before READY") * 3)
    leave(ground, peer)


def null_metadata(ground: Ground) -> None:
    """READY with odd metadata, and messages after it."""
    peer = ground.peer()
    peer.greet(NULL_GREETING)
    peer.send(wire(COMMAND, command(b"READY", odd_metadata(ground))))
    for _ in range(ground.rng.randint(0, 5)):
        peer.send(
            wire(
                ground.rng.choice([0, MORE, COMMAND]),
                ground.rng.randbytes(ground.rng.choice([0, 5, 511, 600])),
            )
        )
    leave(ground, peer)


def storm(ground: Ground) -> None:
    """Many connections that end at once, in the middle of things."""
    peers = []
    for _ in range(ground.rng.randint(5, 30)):
        peer = ground.peer()
        peers.append(peer)
        peer.send(transcript(ground, peer)[: ground.rng.choice([0, 10, 64, 200, 400])])
    for peer in peers:
        peer.reset()


CASES = (
    Case("tcp: silence", silence),
    Case("tcp: cut anywhere", cut_anywhere, weight=4),
    Case("tcp: byte by byte", byte_by_byte, weight=1),
    Case("tcp: storm of resets", storm, weight=1),
    Case("greeting: odd", greeting, weight=4),
    Case("handshake: bytes flipped", flipped),
    Case("handshake: absurd first frame", first_frame),
    Case("handshake: odd command", odd_command, weight=4),
    Case("handshake: odd HELLO", mutated_hello, SECURED),
    Case("handshake: odd INITIATE", initiates_oddly, SECURED, weight=6),
    Case("handshake: odd READY", null_metadata, (PROBE,), weight=6),
)
