"""Row 7: keeping new listeners out."""

import zmq

from tests.attacks.ground import Attack, Ground
from tests.attacks.peers import PUSHES, flood, links_of, pause
from tests.support.raw import Raw, frame

_LINKS = 8
_HOARDERS = 160


def _noise(ground: Ground) -> None:
    """Ordinary messages on the push port over eight links, as fast as they are taken."""
    with Raw(ground.place.address) as raw:
        keys = ground.place.crowd[0].keys
        links = [raw.socket(zmq.XSUB, keys, PUSHES, RCVHWM=0, SNDHWM=1000) for _ in range(_LINKS)]
        ground.ready()
        while ground.going():
            sent = 0
            for link in links:
                for _ in range(100):
                    try:
                        link.send(b"\x02an ordinary message", zmq.NOBLOCK)
                    except zmq.Again:
                        break
                    sent += 1
                while link.poll(0):
                    ground.hear(b"".join(link.recv_multipart()))
            ground.tally.tried += sent
            if not sent:
                pause(ground, 0.002)


def _hoard(ground: Ground) -> None:
    """160 accounts take listeners as fast as they are given."""
    share = _HOARDERS // 2
    mine = ground.place.crowd[ground.number * share : (ground.number + 1) * share]
    with Raw(ground.place.address) as raw:
        links = links_of(raw, mine)
        ground.ready()
        flood(ground, links, lambda: frame("attach", {}), depth=4)


ATTACKS = (
    Attack("push-noise", 7, "ordinary messages on P+1 over 8 links while new listeners come", _noise),
    Attack(
        "hoard",
        7,
        "160 accounts take listeners as fast as they are given",
        _hoard,
        processes=2,
        seconds=5.0,
    ),
)
