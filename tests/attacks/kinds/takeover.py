"""Row 1: what was opened or asked under one routing id is taken over by another key with the same one."""

from collections.abc import Callable
from contextlib import suppress

import zmq

from cnmessage_protocol.errors import ProtocolError
from cnmessage_protocol.filechannel import FROM_BROKER, Credit, Get, Stop, pack, unpack
from tests.attacks.ground import Account, Attack, Ground
from tests.attacks.peers import FILES
from tests.support.harness import PASSWORD
from tests.support.raw import Raw, frame, new_keys

_LISTEN = 0.25
"""Seconds that a thief waits for what is not his."""


def _file(ground: Ground) -> None:
    """The owner opens a download and leaves; a stranger takes its routing id, asking or silent."""
    transfer = bytes.fromhex(ground.place.file)
    stranger = ground.place.crowd[ground.number]
    credit = pack(transfer, Credit(ground.place.file_size))
    with Raw(ground.place.address) as raw:
        ground.ready()
        while ground.going():
            name = b"victim-%d-%d" % (ground.number, ground.tally.tried)
            owner = raw.socket(zmq.DEALER, ground.place.owner.keys, FILES, ROUTING_ID=name)
            owner.send(pack(transfer, Get(0, 1 << 16)))
            while owner.poll(50):  # all that was asked for: nothing is on its way when the owner leaves
                owner.recv_multipart()
            owner.close(linger=0)
            words = [credit] if ground.tally.tried % 3 else []  # every third one only listens
            _impersonate(ground, raw, stranger, name, words)
            ground.tally.tried += 1


def _impersonate(ground: Ground, raw: Raw, thief: Account, name: bytes, words: list[bytes]) -> None:
    """Connect under that name, again until the broker has noticed that the other one left."""
    until = min(ground.now + _LISTEN, ground.now + ground.left())
    while ground.now < until:
        peer = raw.socket(zmq.DEALER, thief.keys, FILES, ROUTING_ID=name)
        for word in words:
            peer.send(word)
        while peer.poll(50) and ground.now < until:
            frames = peer.recv_multipart()
            if _is_refusal(frames):
                break
            ground.steal(b"".join(frames))
        peer.close(linger=0)


def _is_refusal(frames: list[bytes]) -> bool:
    """What is said to the thief himself: that nothing of this is open here."""
    with suppress(ProtocolError, ValueError):
        return isinstance(unpack(frames, FROM_BROKER)[1], Stop)
    return False


def _slow_login(number: int) -> tuple[str, dict[str, object]]:
    return "login", {"name": f"nobody-{number}", "password": PASSWORD}


def _history(_: int) -> tuple[str, dict[str, object]]:
    return "history", {"limit": 1000}


def _letters(number: int) -> tuple[str, dict[str, object]]:
    row = [b"\x01" * 12 + number.to_bytes(4, "big"), ["owner"], "to myself"]
    return "send", {"messages": [row]}


_ASKED: tuple[Callable[[int], tuple[str, dict[str, object]]], ...] = (_slow_login, _history, _letters)


def _answers(ground: Ground) -> None:
    """The owner asks and leaves at once; a stranger who says nothing is there under its routing id."""
    stranger = ground.place.crowd[ground.number]
    with Raw(ground.place.address) as raw:
        ground.ready()
        while ground.going():
            number = ground.tally.tried
            name = b"asker-%d-%d" % (ground.number, number)
            verb, arguments = _ASKED[number % len(_ASKED)](number)
            keys = new_keys() if verb == "login" else ground.place.owner.keys
            asker = raw.dealer(keys, ROUTING_ID=name)
            asker.send(frame(verb, arguments))
            asker.close(linger=30)  # long enough to be sent, too short to be answered
            thief = raw.dealer(stranger.keys, ROUTING_ID=name, RECONNECT_IVL=5)
            if thief.poll(int(_LISTEN * 1000)):
                ground.steal(thief.recv())
            thief.close(linger=0)
            ground.tally.tried += 1


ATTACKS = (
    Attack(
        "takeover-file",
        1,
        "a download's routing id is taken by an account without a right to it, which sends credit or is silent",
        _file,
        processes=2,
    ),
    Attack(
        "takeover-answer",
        1,
        "the routing id of a login, history or send that waits for its answer is taken by a silent peer",
        _answers,
        processes=2,
    ),
)
