"""Row 8: what libzmq itself keeps: messages that never end, subscriptions without number."""

import os

import zmq

from tests.attacks.ground import Attack, Ground
from tests.attacks.peers import FILES, PUSHES, HandMade, pause
from tests.support.raw import Raw

_TOTAL = 100 << 20
"""Most bytes to one port; the sum of the three is what the attack may take."""

_PORTS = ((0, b"DEALER", 1 << 18), (FILES, b"DEALER", 1 << 18), (PUSHES, b"SUB", 400))
_BATCH = 64
_SUBSCRIPTIONS = 400_000


def _multipart(ground: Ground) -> None:
    """Hand-made peers send parts with "more follows" and never the last one; one process a port."""
    offset, kind, size = _PORTS[ground.number]
    keys = ground.place.crowd[ground.number].keys
    part, sent = bytes(size), 0
    peer = HandMade.made(ground, keys, offset, kind)
    ground.ready()
    while ground.going():
        if peer is None:
            pause(ground, 0.05)
            peer = HandMade.made(ground, keys, offset, kind)
            continue
        try:
            for _ in range(_BATCH if sent < _TOTAL else 0):
                peer.message(part, more=True)
                sent += size
                ground.tally.tried += 1
            peer.heard(ground)
        except OSError:  # the broker has hung up
            peer.__exit__()
            peer = None
        if sent >= _TOTAL:
            pause(ground, 0.05)
    if peer is not None:
        peer.__exit__()


def _subscriptions(ground: Ground) -> None:
    """400,000 different subscriptions on one link of the push port."""
    with Raw(ground.place.address) as raw:
        link = raw.socket(zmq.XSUB, ground.place.crowd[0].keys, PUSHES, SNDHWM=10_000)
        ground.ready()
        while ground.going():
            try:
                if ground.tally.tried < _SUBSCRIPTIONS:
                    link.send(b"\x01" + os.urandom(16), zmq.NOBLOCK)
                    ground.tally.tried += 1
                    continue
            except zmq.Again:
                pass
            pause(ground, 0.005)


ATTACKS = (
    Attack(
        "endless-multipart",
        8,
        "a message without an end on each of P, P+1 and P+2, of 100 MB at most",
        _multipart,
        processes=3,
    ),
    Attack("subscriptions", 8, "400,000 subscriptions on P+1", _subscriptions, seconds=4.0),
)
