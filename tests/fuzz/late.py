"""Odd frames from a peer that came through its handshake: commands, flags, nonces, floods, how it leaves."""

import struct
from collections.abc import Iterator
from contextlib import suppress

from tests.fuzz.case import DELIVERIES, FILES, PROBE, SECURED, Case, Ground, leave
from tests.fuzz.early import ABSURD
from tests.fuzz.values import Values
from tests.fuzz.zmtp import BOXED_COMMAND, COMMAND, LONG, MORE, NULL_GREETING, Peer, command, metadata, wire

_TIMES = (1, 3, 70, 400)


def _ready(ground: Ground) -> Peer:
    if ground.offset != PROBE:
        return ground.admitted()
    peer = ground.peer()
    peer.greet(NULL_GREETING)
    peer.send(wire(COMMAND, command(b"READY", metadata(ground.fitting()))))
    return peer


def _say(ground: Ground, peer: Peer, body: bytes, *, is_command: bool = False, more: bool = False) -> bytes:
    """A frame in the manner of the port: sealed, or plain on the probe."""
    if ground.offset == PROBE:
        return wire(MORE * more | COMMAND * is_command, body)
    return peer.sealed(MORE * more | BOXED_COMMAND * is_command, body)


def _ordinary(ground: Ground) -> list[bytes]:
    """The frames of something that belongs on this port, or nearly."""
    values = Values(ground.rng, ground.names)
    if ground.offset == DELIVERIES:
        topic = ground.rng.choice([b"t" * 16, ground.rng.randbytes(16), b"", b"t", ground.rng.randbytes(400)])
        return [ground.rng.choice([b"\0", b"\1", b"\1", b"\2", b""]) + topic]
    if ground.offset == FILES:
        return values.file_message()
    return [values.request()]


def _heartbeats(ground: Ground) -> Iterator[bytes]:
    """PING and PONG with times to live and contexts of every size."""
    rng = ground.rng
    while True:
        ttl = rng.choice([b"", b"\0", b"\0\0", b"\0\1", b"\xff\xff", b"\x02\x8f"])
        context = rng.randbytes(rng.choice([0, 0, 1, 16, 17, 300]))
        yield command(rng.choice([b"PING", b"PING", b"PONG"]), ttl + context)


def heartbeats(ground: Ground) -> None:
    """Heartbeats of every form among ordinary messages."""
    peer = _ready(ground)
    beats = _heartbeats(ground)
    for _ in range(ground.rng.randint(1, 20)):
        peer.send(_say(ground, peer, next(beats), is_command=True))
        _send_parts(ground, peer, _ordinary(ground))
    leave(ground, peer)


def burst_and_reset(ground: Ground) -> None:
    """More messages than any queue takes with PINGs among them, then gone by a reset."""
    peer = _ready(ground)
    body = _ordinary(ground)[-1][:200]
    ping = command(b"PING", ground.rng.choice([b"\0\0", b"\0\1"]) + b"context")
    pairs = ground.rng.choice([90, 600, 2500, 2500])
    data = b"".join(
        _say(ground, peer, body) + _say(ground, peer, ping, is_command=True) for _ in range(pairs)
    )
    with suppress(OSError):
        peer.send(data)
    peer.reset()


def _send_parts(ground: Ground, peer: Peer, frames: list[bytes]) -> None:
    last = len(frames) - 1
    peer.send(b"".join(_say(ground, peer, each, more=place < last) for place, each in enumerate(frames)))


def subscribes(ground: Ground) -> None:
    """SUBSCRIBE and CANCEL as commands and as messages, of every length, on any socket."""
    rng = ground.rng
    peer = _ready(ground)
    for _ in range(rng.choice(_TIMES)):
        topic = rng.choice(
            [b"", b"t", b"t" * 16, rng.randbytes(16), rng.randbytes(rng.choice([17, 255, 400, 600]))]
        )
        name = rng.choice([b"SUBSCRIBE", b"CANCEL"])
        text = command(name, topic) if rng.random() < 0.6 else rng.choice([b"\0", b"\1"]) + topic
        peer.send(_say(ground, peer, text, is_command=text[0] > 1, more=rng.random() < 0.1))
    leave(ground, peer)


def odd_commands(ground: Ground) -> None:
    """Commands that mean nothing here, with MORE, empty, with a name longer than themselves."""
    rng = ground.rng
    peer = _ready(ground)
    for _ in range(rng.randint(1, 10)):
        name = rng.choice(
            [b"", b"X", b"READY", b"ERROR", b"HELLO", b"JOIN", b"LEAVE", b"MESSAGE", b"N" * 255]
        )
        text = rng.choice([command(name, rng.randbytes(rng.choice([0, 4, 90]))), b"", b"\xff", b"\4PIN"])
        peer.send(_say(ground, peer, text, is_command=True, more=rng.random() < 0.3))
        peer.send(wire(rng.choice([COMMAND, COMMAND | MORE]), text) if rng.random() < 0.1 else b"")
    leave(ground, peer)


def odd_flags(ground: Ground) -> None:
    """Reserved bits inside the box and on the frame; MORE on either."""
    peer = _ready(ground)
    for _ in range(ground.rng.randint(1, 10)):
        body = _ordinary(ground)[-1]
        inner, outer = ground.rng.randrange(256), ground.rng.randrange(256)
        if ground.offset == PROBE:
            peer.send(wire(outer, body))
        else:
            peer.send(peer.sealed(inner, body, outer))
    leave(ground, peer)


def many_parts(ground: Ground) -> None:
    """A message of many empty or small parts, perhaps without an end."""
    rng = ground.rng
    peer = _ready(ground)
    part = rng.choice([b"", b"", b"p", bytes(500)])
    peer.send(b"".join(_say(ground, peer, part, more=True) for _ in range(rng.choice([2, 100, 3000]))))
    if rng.random() < 0.5:
        _send_parts(ground, peer, _ordinary(ground))
    leave(ground, peer)


def odd_nonces(ground: Ground) -> None:
    """A box repeated, sealed under an earlier or the last nonce, or cut."""
    rng = ground.rng
    peer = ground.admitted()
    text = peer.message(0, b"once")
    match rng.randrange(5):
        case 0:
            peer.send(wire(0, text) * 2)
        case 1:
            peer.nonce = rng.choice([0, 1, peer.nonce - 2, (1 << 64) - 2, (1 << 63)])
            peer.send(peer.sealed(0, b"jump") + peer.sealed(0, b"and on"))
        case 2:
            peer.send(wire(0, text[: rng.randint(0, len(text))]))
        case 3:
            place = rng.randrange(len(text))
            peer.send(wire(0, text[:place] + b"\x55" + text[place + 1 :]))
        case _:
            peer.send(wire(COMMAND, text))
    leave(ground, peer)


def absurd_length(ground: Ground) -> None:
    """A frame that says it is very long, and some of it."""
    peer = _ready(ground)
    size = ground.rng.choice([*ABSURD, 1 << 19, (1 << 20) + 97, (1 << 20) + 98])
    peer.send(struct.pack(">BQ", ground.rng.choice([0, MORE, COMMAND]) | LONG, size) + b"\x07MESSAGE")
    with suppress(OSError):
        peer.send(bytes(min(size, ground.rng.choice([0, 5000, 600_000]))))
    leave(ground, peer)


def broken_large(ground: Ground) -> None:
    """A large message that breaks off at any byte."""
    peer = ground.admitted()
    whole = peer.sealed(0, bytes(ground.rng.choice([400, 9000, 300_000, 1_000_000])))
    with suppress(OSError):
        peer.send(whole[: ground.rng.randrange(len(whole))])
    leave(ground, peer)


def flood(ground: Ground) -> None:
    """Requests without ever reading an answer, until the broker takes no more; then gone, or staying."""
    peer = ground.admitted()
    peer.tcp.settimeout(0.2)
    frames = _ordinary(ground)
    last = len(frames) - 1
    with suppress(OSError):
        for _ in range(ground.rng.choice([50, 300, 1500])):
            for place, each in enumerate(frames):
                peer.send(peer.sealed(MORE * (place < last), each))
    leave(ground, peer)


def whole_answers(ground: Ground) -> None:
    """Right requests, reading some of the answers, leaving in the middle of one."""
    peer = ground.admitted()
    with suppress(TimeoutError):
        for _ in range(ground.rng.randint(1, 30)):
            _send_parts(ground, peer, _ordinary(ground))
            if ground.rng.random() < 0.5:
                peer.tcp.settimeout(0.05)
                peer.read(ground.rng.choice([1, 40, 100]))
    leave(ground, peer)


CASES = (
    Case("frames: heartbeats", heartbeats, weight=4),
    Case("frames: burst with PINGs, then a reset", burst_and_reset, weight=3),
    Case("frames: SUBSCRIBE and CANCEL", subscribes, weight=4),
    Case("frames: odd commands", odd_commands, weight=3),
    Case("frames: odd flags", odd_flags, weight=3),
    Case("frames: many parts", many_parts),
    Case("frames: odd nonces", odd_nonces, SECURED, weight=3),
    Case("frames: absurd length", absurd_length, weight=3),
    Case("frames: broken off", broken_large, SECURED, weight=3),
    Case("queues: flood unread", flood, SECURED, weight=1),
    Case("queues: answers half read", whole_answers, SECURED, weight=3),
)
