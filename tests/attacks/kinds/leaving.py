"""Row 3: peers that fill their request queue and are gone, stopped, or announced their own end."""

import threading
from itertools import count

from tests.attacks.ground import Attack, Ground, Place
from tests.attacks.parties import Party, begin, tell
from tests.attacks.peers import SMALL, HandMade, close_all, links_of, pause
from tests.attacks.scene import rows
from tests.support.raw import Raw, frame

_ACCOUNTS, _LINKS, _SENDS, _ROWS = 10, 4, 150, 100
_STAY = 1.0
_LONG = 60.0


def _full_queues(ground: Ground) -> None:
    """Ten accounts on four links each queue 150 SENDs of 100 messages and leave after a second, in rounds."""
    accounts = ground.place.crowd[:_ACCOUNTS]
    to = [accounts[0].name]
    ground.ready()
    while ground.going():
        with Raw(ground.place.address) as raw:
            links = links_of(raw, accounts, _LINKS, SNDBUF=1 << 20)
            until = ground.now + _STAY
            for _ in range(_SENDS):
                for link in links:
                    if ground.now < until and link.throw(
                        frame("send", {"messages": rows(_ROWS, to, "x" * 40)})
                    ):
                        ground.tally.tried += 1
            pause(ground, until - ground.now if until > ground.now else 0.0)


def _announced_end(ground: Ground) -> None:
    """Hand-made peers say PING with a TTL of a tenth of a second, fill their queue, then hang up."""
    accounts = ground.place.crowd[:_ACCOUNTS]
    ground.ready()
    silent: list[HandMade] = []
    for number in count():
        if not ground.going():
            break
        peer = HandMade.made(ground, accounts[number % _ACCOUNTS].keys)
        if peer is None:
            pause(ground, 0.05)
            continue
        try:
            peer.ping(0.1)
            for _ in range(200):
                peer.message(frame("history", {"limit": 1000}))
        except OSError:
            pass
        ground.tally.tried += 1
        silent.append(peer)
        if number % 2:
            silent.pop().__exit__()
    close_all(silent)


def _stopped(ground: Ground) -> None:
    """Processes fill their queues with requests and are stopped with SIGSTOP."""
    fillers = [Party("filler", ground.path, number=number) for number in range(3)]
    try:
        ground.ready()
        for each in fillers:
            each.say()
        for each in fillers:
            each.result(ground.left())
            each.freeze()
            ground.tally.tried += 1
        while ground.going():
            pause(ground, 0.1)
    finally:
        for each in fillers:
            each.end()


def fill(place: Place, number: int) -> None:
    """Be one that is stopped: ask for pages on eight links, read none."""
    with Raw(place.address) as raw:
        links = [raw.dealer(place.crowd[number].keys, SNDHWM=0, **SMALL) for _ in range(8)]
        begin()
        for link in links:
            for _ in range(100):
                link.send(frame("history", {"limit": 1000}))
        tell(full=True)
        threading.Event().wait(_LONG)


def _prepare_pages(ground: Ground) -> None:
    """Long inboxes, so that each answer is a full page."""
    with Raw(ground.place.address) as raw:
        for account in ground.place.crowd[:_ACCOUNTS]:
            link = raw.dealer(account.keys)
            link.send(frame("send", {"messages": rows(8, [account.name], "y" * 60_000)}))
            link.poll(5000)


ATTACKS = (
    Attack(
        "full-queues",
        3,
        "10 accounts on 4 links each queue 150 SENDs of 100 messages and leave after a second",
        _full_queues,
        seconds=6.0,
    ),
    Attack(
        "announced-end",
        3,
        "hand-made peers PING with a TTL of 0.1 s, fill their request queue, then hang up or keep silent",
        _announced_end,
        prepare=_prepare_pages,
    ),
    Attack(
        "stopped-peers",
        3,
        "processes with 8 links each ask for 800 full pages and are stopped (SIGSTOP)",
        _stopped,
        prepare=_prepare_pages,
    ),
)
