"""Row 1: what was opened or asked under one routing id is taken over by another key with the same one."""

from contextlib import suppress

import zmq

from cnmessage_protocol.errors import ProtocolError
from cnmessage_protocol.files.channel import FROM_BROKER, Credit, Get, Stop, pack, unpack
from tests.attacks.ground import Account, Attack, Ground
from tests.attacks.peers import FILES
from tests.support.harness import PASSWORD
from tests.support.raw import Raw, frame, new_keys

_LISTEN = 0.25
"""Seconds that a thief waits for what is not his."""

_STAY_MS = 15
_BEFORE = 8


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


def _asked(number: int) -> tuple[str, dict[str, object]]:
    """What the owner asks; a login waits longest for its answer, and the answer to `attach` is a key."""
    row = [b"\x01" * 12 + number.to_bytes(4, "big"), ["owner"], "to myself"]
    asked: tuple[tuple[str, dict[str, object]], ...] = (
        ("login", {"name": f"nobody-{number}", "password": PASSWORD}),
        ("history", {"limit": 1000}),
        ("login", {"name": f"nobody-{number}", "password": PASSWORD}),
        ("attach", {}),
        ("send", {"messages": [row]}),
    )
    return asked[number % len(asked)]


def _answers(ground: Ground) -> None:
    """The owner asks and leaves at once; a stranger who says nothing comes under its routing id."""
    stranger = ground.place.crowd[ground.number]
    with Raw(ground.place.address) as raw:
        ground.ready()
        while ground.going():
            number = ground.tally.tried
            name = b"asker-%d-%d" % (ground.number, number)
            verb, arguments = _asked(number)
            if verb == "login":
                _delay_logins(raw, number)
            asker = raw.dealer(new_keys() if verb == "login" else ground.place.owner.keys, ROUTING_ID=name)
            asker.send(frame(verb, arguments))
            asker.poll(_STAY_MS)  # long enough to have asked
            asker.close(linger=0)
            _listen_as(ground, raw, stranger, name)
            ground.tally.tried += 1


def _delay_logins(raw: Raw, number: int) -> None:
    """Passwords to check before the owner's."""
    for other in range(_BEFORE):
        peer = raw.dealer(new_keys())
        peer.send(frame("login", {"name": f"other-{number}-{other}", "password": PASSWORD}))
        peer.close(linger=_STAY_MS)


def _listen_as(ground: Ground, raw: Raw, thief: Account, name: bytes) -> None:
    until = min(ground.now + _LISTEN, ground.now + ground.left())
    while ground.now < until:
        peer = raw.dealer(thief.keys, ROUTING_ID=name)
        while peer.poll(50):
            ground.steal(peer.recv())
        peer.close(linger=0)


ATTACKS = (
    Attack(
        "takeover-file",
        1,
        "a download's routing id is taken by an account that has no right to it: it sends credit, or nothing",
        _file,
        processes=2,
    ),
    Attack(
        "takeover-answer",
        1,
        "the routing id of a login, history, attach or send that waits is taken by a silent peer",
        _answers,
        processes=2,
    ),
)
