"""Rows 2 and 6: connections, as many as there can be, finished or not."""

import zmq

from tests.attacks.ground import Attack, Ground
from tests.attacks.peers import FILES, PROBE, PUSHES, Crowd, greeting, null_handshake, pause
from tests.support.raw import Raw, new_keys

_HELD = 1000
_KINDS = {0: zmq.DEALER, PUSHES: zmq.SUB, FILES: zmq.DEALER}


def _bare(ground: Ground) -> None:
    """Connect to every port in turn: no word, half a greeting, a whole one, a mechanism that is refused."""
    words = (b"", greeting(b"CURVE")[:20], greeting(b"CURVE"), null_handshake(b"DEALER"))
    with Raw(ground.place.address) as raw:
        crowd = Crowd(raw, _HELD)
        ground.ready()
        while ground.going():
            number = ground.tally.tried
            if not crowd.connect(number % 4, words[number // 4 % len(words)], wait=0.2):
                pause(ground, 0.005)
            ground.tally.tried += 1
        crowd.heard(ground)
        crowd.close()


def _finished(ground: Ground) -> None:
    """Connections with CURVE, finished, to P, P+1 and P+2; the oldest leave for new ones."""
    with Raw(ground.place.address) as raw:
        held: list[zmq.Socket[bytes]] = []
        ground.ready()
        while ground.going():
            offset = ground.tally.tried % 3
            if len(held) > _HELD // 2:
                held.pop(0).close(linger=0)
            held.append(raw.socket(_KINDS[offset], new_keys(), offset))
            ground.tally.tried += 1
            pause(ground, 0.001)


def _probe(ground: Ground) -> None:
    """2,000 peers finish their handshake on the probe port and stay."""
    with Raw(ground.place.address) as raw:
        crowd = Crowd(raw, 2000)
        ground.ready()
        for _ in range(2000):
            if ground.going():
                ground.tally.tried += crowd.connect(PROBE, null_handshake(b"DEALER"))
        while ground.going():
            pause(ground, 0.1)
        crowd.heard(ground)
        crowd.close()


ATTACKS = (
    Attack(
        "connects",
        2,
        "connections to all four ports as fast as they go, without, with half and with a refused handshake",
        _bare,
        processes=2,
    ),
    Attack(
        "finished-connects",
        2,
        "finished CURVE connections to P, P+1 and P+2 as fast as they go, 500 held",
        _finished,
    ),
    Attack("probe-handshakes", 6, "2,000 finished handshakes on P+3 that stay", _probe),
)
