"""Row 2: routing ids of the form that libzmq gives out itself, chosen by a peer just ahead of its counter.

libzmq's ROUTER begins to count at rand(), which nobody seeds; two ids that are equal end the process.
"""

import ctypes
from collections.abc import Iterator

import zmq

from tests.attacks.ground import Attack, Ground
from tests.attacks.peers import FILES, PROBE, Crowd, null_handshake, pause
from tests.support.raw import Raw, new_keys

_ROUTERS = 8
"""How many sockets of a broker may have taken a start from rand() before the one that is meant."""

_SPACING, _AHEAD = 8, 96
_HELD = 400


def first_counts() -> list[int]:
    """Where the counters of a process's first sockets stand, as random.cpp makes them from rand()."""
    libc = ctypes.CDLL(None)
    libc.srand(1)
    drawn = [libc.rand() for _ in range(2 * _ROUTERS)]
    return [(drawn[each] | drawn[each + 1] << 31) & 0xFFFFFFFF for each in range(2 * _ROUTERS - 1)]


def chosen_ids() -> Iterator[bytes]:
    """Identities that a counter will come to soon, for each place a counter may have begun at."""
    for ahead in range(_SPACING, _AHEAD + 1, _SPACING):
        for first in first_counts():
            yield b"\0" + ((first + ahead) & 0xFFFFFFFF).to_bytes(4, "big")


def _with_keys(ground: Ground) -> None:
    """CURVE peers hold chosen ids on the request port or the file port; then others connect without one."""
    offset = FILES if ground.number else 0
    keys = new_keys()
    with Raw(ground.place.address) as raw:
        ground.ready()
        for identity in chosen_ids():
            if not ground.going():
                return
            raw.socket(zmq.DEALER, keys, offset, ROUTING_ID=identity)
            ground.tally.tried += 1
        while ground.going():
            plain = raw.socket(zmq.DEALER, keys, offset)
            plain.poll(5)
            ground.tally.tried += 1
            plain.close(linger=0)


def _without_keys(ground: Ground) -> None:
    """The same with plain connections on the probe port."""
    with Raw(ground.place.address) as raw:
        held, passing = Crowd(raw, _HELD), Crowd(raw, 50)
        ground.ready()
        for identity in chosen_ids():
            if ground.going():
                held.connect(PROBE, null_handshake(b"DEALER", identity))
                ground.tally.tried += 1
        words = null_handshake(b"DEALER")
        while ground.going():
            if not passing.connect(PROBE, words):
                pause(ground, 0.01)
            ground.tally.tried += 1
        held.heard(ground)
        held.close()
        passing.close()


ATTACKS = (
    Attack(
        "chosen-ids",
        2,
        "CURVE peers hold routing ids just ahead of libzmq's counter on P and P+2, others connect without",
        _with_keys,
        processes=2,
    ),
    Attack(
        "chosen-ids-probe",
        2,
        "the same without keys on P+3",
        _without_keys,
    ),
)
