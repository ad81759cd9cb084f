"""Row 6: the broker's descriptors."""

import os

import zmq

from cnmessage_protocol.files.channel import Put, pack
from tests.attacks.ground import Attack, Ground
from tests.attacks.peers import FILES, Crowd, greeting, pause
from tests.support.raw import Raw

_DEVICES, _UPLOADS = 40, 64
_FEW = 160
_CONNECTS = 400


def _empty_uploads(ground: Ground) -> None:
    """64 uploads on each of 40 devices, empty ones and ones whose bytes never come."""
    accounts = ground.place.crowd[:_DEVICES]
    with Raw(ground.place.address) as raw:
        links = [raw.socket(zmq.DEALER, account.keys, FILES, SNDHWM=0) for account in accounts]
        ground.ready()
        for number in range(_UPLOADS):
            for link, account in zip(links, accounts, strict=True):
                link.send(pack(os.urandom(16), Put("empty.bin", number % 2 * 1000, (account.name,))))
                ground.tally.tried += 1
        while ground.going():
            for link in links:
                while link.poll(0):
                    ground.hear(b"".join(link.recv_multipart()))
            pause(ground, 0.05)


def _shortage(ground: Ground) -> None:
    """More connections than the broker has descriptors, held, on all four ports."""
    with Raw(ground.place.address) as raw:
        crowd = Crowd(raw, _CONNECTS)
        ground.ready()
        for number in range(_CONNECTS):
            ground.tally.tried += ground.going() and crowd.connect(number % 4, greeting(b"CURVE"), wait=0.1)
        while ground.going():
            pause(ground, 0.1)
        crowd.heard(ground)
        crowd.close()


ATTACKS = (
    Attack("empty-uploads", 6, "64 uploads on each of 40 devices, empty or without a byte", _empty_uploads),
    Attack(
        "few-descriptors",
        6,
        f"{_CONNECTS} connections to a broker that may hold {_FEW} descriptors",
        _shortage,
        descriptors=_FEW,
    ),
)
