"""Peers that do everything right until deliveries or chunks flow, and then read none of it, or half."""

import hashlib
from contextlib import suppress
from dataclasses import replace
from typing import Any

from cnmessage_protocol.envelope import unpack_reply
from cnmessage_protocol.files.channel import (
    FROM_BROKER,
    WINDOW,
    Chunk,
    Credit,
    FileMessage,
    Finish,
    Get,
    Granted,
    Kept,
    Put,
    pack,
    unpack,
)
from cnmessage_protocol.ids import ID_SIZE
from tests.fuzz.case import DELIVERIES, FILES, Case, Ground, leave
from tests.fuzz.zmtp import BOXED_COMMAND, MORE, Peer, command
from tests.support.raw import frame
from tests.support.rows import message_row

_SMALL = 200_000


def _ask(peer: Peer, verb: str, arguments: dict[str, Any]) -> Any:
    peer.send(peer.sealed(0, frame(verb, arguments)))
    reply = unpack_reply(peer.heard()[0])
    if reply.error is not None:
        raise EOFError(f"refused: {reply.error}")
    return reply.result


def listens_without_reading(ground: Ground) -> None:
    """Attach, subscribe, be sent messages, read nothing or a little."""
    rng = ground.rng
    keys = rng.choice(ground.known)
    below = replace(ground, port=ground.port - DELIVERIES, offset=0)
    asking, listening = below.peer(), ground.peer()
    ground.keep(asking)
    asking.admit(keys, [(b"Socket-Type", b"DEALER"), (b"Identity", b"")])
    listening.admit(keys, [(b"Socket-Type", b"SUB")])
    topic = _ask(asking, "attach", {"cursor": None, "epoch": None})["listener"]
    subscription = rng.choice([listening.sealed(BOXED_COMMAND, command(b"SUBSCRIBE", topic)), b""])
    listening.send(subscription or listening.sealed(0, b"\1" + topic))
    rows = [message_row([rng.choice(ground.names)], "x" * rng.choice([1, 40, 3000]), rng.randbytes(ID_SIZE))]
    for _ in range(rng.choice([1, 20, 150])):
        rows[0][0] = rng.randbytes(ID_SIZE)
        asking.send(asking.sealed(0, frame("send", {"messages": rows})))
    if rng.random() < 0.5:
        listening.heard()
    leave(ground, listening)


def _say(peer: Peer, transfer: bytes, message: FileMessage, data: bytes | None = None) -> None:
    header = peer.sealed(MORE if data is not None else 0, pack(transfer, message))
    peer.send(header + (b"" if data is None else peer.sealed(0, data)))


def _expect(peer: Peer, kind: type[Any]) -> Any:
    while True:
        _, message = unpack(peer.heard(), FROM_BROKER)
        if isinstance(message, kind):
            return message


def fetches_without_reading(ground: Ground) -> None:
    """Upload a file, fetch it in pieces of any size, read nothing or a little; sometimes break off before."""
    rng = ground.rng
    peer = ground.peer()
    peer.admit(rng.choice(ground.known), [(b"Socket-Type", b"DEALER"), (b"Identity", ground.identity())])
    body, upload = rng.randbytes(rng.choice([1, 9000, _SMALL])), rng.randbytes(ID_SIZE)
    people = tuple(name for name in ground.names if name != "all")
    _say(peer, upload, Put("fuzz.bin", len(body), people))
    granted = _expect(peer, Granted)
    _say(peer, upload, Chunk(granted.offset), body)
    if rng.random() < 0.3:
        leave(ground, peer)
        return
    _say(peer, upload, Finish(hashlib.sha256(body).digest()))
    file = _expect(peer, Kept).file
    size = rng.choice([100, 400, 5000, _SMALL])
    for _ in range(rng.choice([1, 1, 8])):
        _say(peer, file, Get(0, WINDOW, size))
        _say(peer, file, Credit(WINDOW, size))
    with suppress(TimeoutError):
        for _ in range(rng.choice([0, 0, 3])):
            peer.heard()
    leave(ground, peer)


CASES = (
    Case("deep: deliveries unread", listens_without_reading, (DELIVERIES,), weight=4),
    Case("deep: chunks unread", fetches_without_reading, (FILES,), weight=4),
)
