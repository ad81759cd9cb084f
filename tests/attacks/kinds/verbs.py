"""Row 4: floods of ordinary requests, of one account, of many, of nobody; and frames that are no requests."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count, cycle

import zmq

from cnmessage_client.profile import KeyPair
from cnmessage_protocol.files.channel import (
    Chunk,
    Credit,
    Fetched,
    FileMessage,
    Finish,
    Get,
    Pause,
    Put,
    Stop,
    pack,
)
from tests.attacks.ground import Account, Attack, Ground
from tests.attacks.peers import FILES, flood, links_of
from tests.attacks.scene import rows
from tests.support.harness import PASSWORD
from tests.support.raw import Raw, frame, new_keys

_LINKS = 20
_ACCOUNTS = 40


def _requests(ground: Ground, me: Account, other: Account) -> Iterator[bytes]:
    """Every verb in turn that needs no password."""
    stranger: dict[str, object] = {"name": other.name}
    asked: tuple[tuple[str, Callable[[], dict[str, object]]], ...] = (
        ("whoami", dict),
        ("users", dict),
        ("files", lambda: {"sent": False}),
        ("files", lambda: {"sent": True}),
        ("receipts", lambda: {"ids": [os.urandom(16) for _ in range(16)]}),
        ("devices", dict),
        ("sync", lambda: {"after": 0}),
        ("ack", lambda: {"upto": 1}),
        ("block", lambda: stranger),
        ("unblock", lambda: stranger),
        ("blacklist", dict),
        ("history", lambda: {"limit": 1000}),
        ("history", lambda: {"limit": 1000, "peer": other.name}),
        ("attach", dict),
        ("beat", lambda: {"listener": os.urandom(16), "cursor": 0}),
        ("detach", lambda: {"listener": os.urandom(16)}),
        ("send", lambda: {"messages": rows(10, [me.name], "to myself")}),
        ("withdraw", lambda: {"file": bytes.fromhex(ground.place.file)}),
        ("decline", lambda: {"file": bytes.fromhex(ground.place.file)}),
    )
    for verb, arguments in cycle(asked):
        yield frame(verb, arguments())


def _one_account(ground: Ground) -> None:
    """Every verb over 20 links of one account."""
    me, other = ground.place.crowd[:2]
    requests = _requests(ground, me, other)
    with Raw(ground.place.address) as raw:
        links = links_of(raw, [me], _LINKS)
        ground.ready()
        flood(ground, links, lambda: next(requests))


def _many_accounts(ground: Ground) -> None:
    """Every verb on two links each of ten accounts; four such processes."""
    mine = ground.place.crowd[ground.number * 10 : ground.number * 10 + 10]
    requests = _requests(ground, mine[0], mine[1])
    with Raw(ground.place.address) as raw:
        links = links_of(raw, mine, 2)
        ground.ready()
        flood(ground, links, lambda: next(requests), depth=8)


def _nobody(ground: Ground) -> None:
    """Keys that no account knows ask for everything, and log in with names that do not exist."""
    requests = _requests(ground, *ground.place.crowd[:2])
    numbers = count()

    def next_frame() -> bytes:
        number = next(numbers)
        if number % 4:
            return next(requests)
        return frame("login", {"name": f"nobody-{number}", "password": PASSWORD})

    with Raw(ground.place.address) as raw:
        accounts = [Account("", keys.public.decode(), keys.secret.decode()) for keys in _keys()]
        links = links_of(raw, accounts)
        ground.ready()
        flood(ground, links, next_frame)


def _keys() -> list[KeyPair]:
    return [new_keys() for _ in range(_LINKS)]


_GARBAGE = (
    b"",
    b"\xc1",
    b"\x94\x01\x01\xa6whoami\xc0",
    b"\x91" * 900 + b"\x90",
    b"\xdd\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff" + b"a" * 64,
    b"\xc7\x04\x01abcd",
    frame("whoami", {}, version=99),
    frame("no-such-verb", {}),
    frame("send", {"messages": "none"}),
    frame("send", {"messages": [[b"", ["all"], "x"]]}),
    os.urandom(60_000),
)


def _garbage(ground: Ground) -> None:
    """Frames that are not msgpack, not requests, too deep, too large, or too many, on P and P+2."""
    with Raw(ground.place.address) as raw:
        requests = links_of(raw, ground.place.crowd[:1], _LINKS)
        files = [raw.socket(zmq.DEALER, ground.place.crowd[0].keys, FILES) for _ in range(4)]
        frames = cycle(_GARBAGE)

        def next_frame() -> bytes:
            for link in (files[ground.tally.tried % len(files)], requests[0].socket):
                with suppress(zmq.Again):
                    link.send_multipart([next(frames), next(frames)], zmq.NOBLOCK)
            return next(frames)

        ground.ready()
        flood(ground, requests, next_frame)


def _file_channel(ground: Ground) -> None:
    """Everything that can be said on the file channel, about files that are not one's own and about none."""
    me = ground.place.crowd[0]
    file = bytes.fromhex(ground.place.file)
    said: Iterator[tuple[FileMessage, bytes]] = cycle(
        [
            (Get(0, 1 << 20, 1 << 19), b""),
            (Fetched(), b""),
            (Credit(1 << 40), b""),
            (Put("a.bin", 1 << 20, (me.name,)), b""),
            (Chunk(0), bytes(1 << 16)),
            (Finish(bytes(32)), b""),
            (Pause(), b""),
            (Stop("internal"), b""),
        ]
    )
    with Raw(ground.place.address) as raw:
        links = [raw.socket(zmq.DEALER, me.keys, FILES, SNDHWM=50) for _ in range(_LINKS)]
        ground.ready()
        while ground.going():
            for link in links:
                message, data = next(said)
                transfer = file if ground.tally.tried % 2 else os.urandom(16)
                with suppress(zmq.Again):
                    link.send_multipart([pack(transfer, message), *([data] if data else [])], zmq.NOBLOCK)
                    ground.tally.tried += 1
                while link.poll(0):
                    ground.hear(b"".join(link.recv_multipart()))


ATTACKS = (
    Attack(
        "verbs", 4, "every verb in turn from one account over 20 links, 16 under way on each", _one_account
    ),
    Attack("verbs-of-many", 4, "the same from 40 accounts on 80 links", _many_accounts, processes=4),
    Attack("verbs-of-nobody", 4, "the same, and logins, from 20 keys that no account knows", _nobody),
    Attack(
        "file-channel",
        4,
        "all that can be said on P+2, about another's file and about none, on 20 links",
        _file_channel,
    ),
    Attack("garbage", 4, "frames that are no requests, on 20 links of P and 4 of P+2", _garbage),
)
