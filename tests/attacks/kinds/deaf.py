"""Row 5: peers that ask for much and read nothing of it."""

from itertools import cycle

import zmq

from cnmessage_protocol.codec import REPLY_LIMITS, decode
from tests.attacks.ground import Account, Attack, Ground
from tests.attacks.peers import PUSHES, SMALL, ask, links_of, pause
from tests.attacks.scene import rows
from tests.support.raw import Raw, frame

_LISTENERS = 12
_BEAT = 0.5
_BODY = "z" * 60_000
_TOTAL = 100 << 20
"""Most bytes of bodies that are sent to those who do not read."""

_FAR = 10**9
_PAGES = 200
_LINKS = 6


class _Deaf:
    """A listener that is granted and never read; `requests` is read only for its beats."""

    def __init__(self, ground: Ground, raw: Raw, account: Account) -> None:
        self.requests = raw.dealer(account.keys)
        attached = ask(ground, self.requests, "attach", {})
        self.listener: bytes = attached.get("listener", bytes(16))
        self.head: int = attached.get("head", 0)
        deliveries = raw.socket(zmq.SUB, account.keys, PUSHES, **SMALL)
        deliveries.setsockopt(zmq.SUBSCRIBE, self.listener)

    def beat(self, cursor: int) -> None:
        """Say that all up to there has come."""
        self.requests.send(frame("beat", {"listener": self.listener, "cursor": cursor}))

    def listen(self, ground: Ground) -> None:
        """Learn the head from the answers to beats."""
        while self.requests.poll(0):
            data = self.requests.recv()
            ground.hear(data)
            _, _, status, result = decode(data, REPLY_LIMITS)
            if status == "ok":
                self.head = result.get("head", self.head)


def _listeners(ground: Ground, *, honest_cursor: bool) -> None:
    reader, writer = ground.place.crowd[:2]
    with Raw(ground.place.address) as raw:
        deaf = [_Deaf(ground, raw, reader) for _ in range(_LISTENERS)]
        writing = links_of(raw, [writer], 2)
        ground.ready()
        due, sent = 0.0, 0
        turns = cycle(writing)
        while ground.going():
            if ground.now >= due:
                due = ground.now + _BEAT
                for each in deaf:
                    each.listen(ground)
                    each.beat(each.head if honest_cursor else _FAR)
            link = next(turns)
            link.drain(ground)
            if sent < _TOTAL and link.may_throw(2, ground.now):
                sent += len(_BODY) * 8
                ground.tally.tried += 8 * link.throw(
                    frame("send", {"messages": rows(8, [reader.name], _BODY)})
                )
            else:
                pause(ground, 0.005)


def _far_cursor(ground: Ground) -> None:
    """Listeners that read nothing and beat with a cursor of 10^9 while large messages come."""
    _listeners(ground, honest_cursor=False)


def _true_head(ground: Ground) -> None:
    """The same with the true head as the cursor."""
    _listeners(ground, honest_cursor=True)


def long_inbox(ground: Ground) -> None:
    """20 MB in one inbox."""
    (reader,) = ground.place.crowd[:1]
    with Raw(ground.place.address) as raw:
        link = raw.dealer(reader.keys)
        for _ in range(42):
            ask(ground, link, "send", {"messages": rows(8, [reader.name], _BODY)})


def _pages(ground: Ground) -> None:
    """Six links that ask for 200 pages each and read none."""
    with Raw(ground.place.address) as raw:
        links = links_of(raw, ground.place.crowd[:1], _LINKS, **SMALL)
        ground.ready()
        for _ in range(_PAGES):
            for link in links:
                ground.tally.tried += link.throw(frame("sync", {"after": 0}))
        while ground.going():
            pause(ground, 0.1)


ATTACKS = (
    Attack("deaf-far-cursor", 5, "12 listeners that never read and beat with a cursor of 10^9", _far_cursor),
    Attack("deaf-true-head", 5, "12 listeners that never read and beat with the true head", _true_head),
    Attack(
        "deaf-pages",
        5,
        "6 links that ask for 200 full pages each and read none",
        _pages,
        prepare=long_inbox,
        seconds=4.0,
    ),
)
