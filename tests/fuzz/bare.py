"""Bare pyzmq sockets of every kind that libzmq lets pair with the broker's, with odd options and contents.

Some go through a proxy that breaks their connections after any number of bytes.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import zmq
from zmq.utils import z85

from tests.fuzz.case import DELIVERIES, FILES, PROBE, Case, Ground
from tests.fuzz.values import Values
from tests.support.proxy import Proxy

_MOMENT_MS = 30
_ODD_PARTS = 50


@contextmanager
def _sockets(ground: Ground, count: int, port: int | None = None) -> Iterator[list["zmq.Socket[bytes]"]]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    context.max_sockets = count + 2
    try:
        yield [_connected(ground, context, port or ground.port) for _ in range(count)]
    finally:
        context.destroy(linger=0)


def _connected(ground: Ground, context: "zmq.Context[zmq.Socket[bytes]]", port: int) -> "zmq.Socket[bytes]":
    rng = ground.rng
    made = context.socket(
        rng.choice([zmq.SUB, zmq.XSUB] if ground.offset == DELIVERIES else [zmq.DEALER, zmq.REQ, zmq.ROUTER])
    )
    if ground.offset != PROBE:
        keys = ground.keys()
        made.setsockopt(zmq.CURVE_SERVERKEY, z85.encode(ground.key))
        made.setsockopt(zmq.CURVE_PUBLICKEY, keys.public)
        made.setsockopt(zmq.CURVE_SECRETKEY, keys.secret)
    identity = ground.identity()
    # libzmq refuses to be asked for what its own sockets may not say; those come from written-out peers.
    with suppress(zmq.ZMQError):
        if identity:
            made.setsockopt(zmq.ROUTING_ID, identity)
    options = {
        zmq.PROBE_ROUTER: [0, 1],
        zmq.SNDHWM: [0, 1, 1000],
        zmq.RCVHWM: [1, 1000],
        zmq.CONFLATE: [0, 0, 0, 1],
        zmq.RECONNECT_IVL: [1, 50],
        zmq.SNDBUF: [1024, 65536],
        zmq.RCVBUF: [1024, 65536],
        zmq.REQ_RELAXED: [1],
        zmq.IMMEDIATE: [0, 1],
        zmq.HEARTBEAT_TTL: [0, 100, 6_553_500],
    }
    for option, values in options.items():
        if rng.random() < 0.4:
            with suppress(zmq.ZMQError):
                made.setsockopt(option, rng.choice(values))
    made.connect(f"tcp://127.0.0.1:{port}")
    if made.type == zmq.SUB:
        for size in (0, 1, 16, rng.choice([17, 400, 511, 2000])):
            made.setsockopt(zmq.SUBSCRIBE, rng.randbytes(size))
    return made


def _frames(ground: Ground, kind: int) -> list[bytes]:
    values = Values(ground.rng, ground.names)
    if kind == zmq.SUB:
        return []
    if kind == zmq.XSUB:
        return [
            ground.rng.choice([b"\1", b"\0", b"\2", b"hello"])
            + ground.rng.randbytes(ground.rng.choice([0, 1, 16, 300]))
        ]
    frames = values.file_message() if ground.offset == FILES else [values.request()]
    if ground.rng.random() < 0.1:
        frames = [b"", *frames] * ground.rng.choice([1, _ODD_PARTS])
    return [b"who", *frames] if kind == zmq.ROUTER else frames


def _talk(ground: Ground, sockets: list["zmq.Socket[bytes]"], times: int, *, reading: bool) -> None:
    for _ in range(times):
        each = ground.rng.choice(sockets)
        frames = _frames(ground, int(each.type))
        with suppress(zmq.ZMQError):
            if frames:
                each.send_multipart(frames, zmq.NOBLOCK)
            if reading and each.poll(_MOMENT_MS):
                each.recv_multipart(zmq.NOBLOCK)


def talks(ground: Ground) -> None:
    """A few sockets say right and wrong things and read the answers."""
    with _sockets(ground, ground.rng.randint(1, 3)) as sockets:
        _talk(ground, sockets, 12, reading=True)


def floods(ground: Ground) -> None:
    """A few sockets say much and read nothing, then are gone."""
    with _sockets(ground, ground.rng.randint(1, 4)) as sockets:
        for each in sockets:
            each.poll(_MOMENT_MS)  # a moment for the handshake
        _talk(ground, sockets, ground.rng.choice([100, 600, 2000]), reading=False)
        sockets[0].poll(ground.rng.choice([1, 100]))


def same_ids(ground: Ground) -> None:
    """Peers that share one routing id come, talk and go."""
    state = ground.rng.getstate()
    for _ in range(3):
        ground.rng.setstate(state)
        with _sockets(ground, 2) as sockets:
            _talk(ground, sockets, 4, reading=True)


def broken_wires(ground: Ground) -> None:
    """Sockets behind a proxy that breaks each connection after some bytes; they come again."""
    rng = ground.rng

    def limit() -> int:
        return rng.choice([1, 64, 300, 700, 5000, 50_000])

    with (
        Proxy(ground.address, ground.offset, limit) as proxy,
        _sockets(ground, 2, proxy.port + ground.offset) as sockets,
    ):
        _talk(ground, sockets, 20, reading=True)


CASES = (
    Case("sockets: talk", talks, weight=3),
    Case("sockets: flood", floods, weight=1),
    Case("sockets: same routing ids", same_ids, weight=1),
    Case("sockets: broken wires", broken_wires, weight=1),
)
