"""Row 4: little is asked, and much must be written or read for it."""

from collections.abc import Iterator
from itertools import cycle

from tests.attacks.ground import Attack, Ground
from tests.attacks.kinds.deaf import long_inbox
from tests.attacks.peers import ask, flood, links_of, pause
from tests.attacks.scene import rows
from tests.support.raw import Raw, frame

_REQUESTS, _ROWS = 10, 1000
_WIDE_REQUESTS, _WIDE_ROWS = 20, 500
_LINKS = 20


def _broadcasts(ground: Ground) -> None:
    """Ten requests at once, of 1,000 broadcasts each, to everybody who is online."""
    with Raw(ground.place.address) as raw:
        links = links_of(raw, ground.place.crowd[:1], _REQUESTS)
        frames = [frame("send", {"messages": rows(_ROWS, ["all"], "w" * 20)}) for _ in links]
        ground.ready()
        for link, data in zip(links, frames, strict=True):
            ground.tally.tried += link.throw(data)
        while ground.going():
            for link in links:
                link.drain(ground)
            pause(ground, 0.05)


def _write_wide(ground: Ground) -> None:
    """10,000 messages to 256 names each in one history; the others block the sender: so it is quick."""
    sender, *others = ground.place.crowd
    names = [account.name for account in ground.place.crowd]
    with Raw(ground.place.address) as raw:
        peers = [raw.dealer(account.keys) for account in others]
        for peer in peers:
            peer.send(frame("block", {"name": sender.name}))
        for peer in peers:
            peer.poll(10_000)
        link = raw.dealer(sender.keys, SNDHWM=0)
        for _ in range(_WIDE_REQUESTS):
            ask(ground, link, "send", {"messages": rows(_WIDE_ROWS, names, "wide")})


def _history(ground: Ground) -> None:
    """Twenty links of one account search that history for names, from its end and from the middle."""
    names = [account.name for account in ground.place.crowd]
    searches: Iterator[dict[str, object]] = cycle(
        [
            {"limit": 1000, "peer": names[5]},
            {"limit": 1000, "peer": "nobody-of-these", "before": 9000},
            {"limit": 1000, "since": 1},
            {"limit": 1, "peer": names[200]},
            {"limit": 1000, "peer": names[0]},
        ]
    )
    with Raw(ground.place.address) as raw:
        links = links_of(raw, ground.place.crowd[:1], _LINKS)
        ground.ready()
        flood(ground, links, lambda: frame("history", next(searches)), depth=8)


def _sends(ground: Ground) -> None:
    """Messages to 256 names each, as fast as they are taken."""
    names = [account.name for account in ground.place.crowd]
    with Raw(ground.place.address) as raw:
        links = links_of(raw, ground.place.crowd[:1], 4)
        ground.ready()
        flood(ground, links, lambda: frame("send", {"messages": rows(20, names, "v")}), depth=2)


def _fat_history(ground: Ground) -> None:
    """Twenty links ask for the whole of an inbox whose messages are large."""
    with Raw(ground.place.address) as raw:
        links = links_of(raw, ground.place.crowd[:1], _LINKS)
        ground.ready()
        flood(ground, links, lambda: frame("history", {"limit": 1000}), depth=4)


ATTACKS = (
    Attack(
        "wide-broadcasts",
        4,
        "10 requests of 1,000 broadcasts each with 200 users online",
        _broadcasts,
        crowd=190,
    ),
    Attack(
        "wide-sends",
        4,
        "messages to 256 names each, 20 in a request, on 4 links",
        _sends,
    ),
    Attack(
        "wide-history",
        4,
        "20 links of one account search a history of 10,000 messages to 256 names each",
        _history,
        prepare=_write_wide,
    ),
    Attack(
        "fat-history",
        4,
        "20 links of one account ask for the history of an inbox of 20 MB",
        _fat_history,
        prepare=long_inbox,
    ),
)
