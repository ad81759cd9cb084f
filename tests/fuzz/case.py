"""What one case of the fuzz is, and the ground it stands on: the broker's ports, keys, its own chance.

Case N of a port with seed S draws from a generator of its own, so that it can be played again alone. What a
case leaves open on purpose stays open for a while: peers that are just there belong to the attack.
"""

import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from cnmessage_client.profile import KeyPair
from tests.fuzz.zmtp import Peer, Properties
from tests.support.raw import new_keys

PORTS = {"requests": 0, "deliveries": 1, "files": 2, "probe": 3}
REQUESTS, DELIVERIES, FILES, PROBE = PORTS.values()
SECURED = (REQUESTS, DELIVERIES, FILES)
ALL = (*SECURED, PROBE)
_MOST_HELD = 40

_FIRST_IDS = {REQUESTS: 0xE43C9869, PROBE: 0xF4B0DC51, FILES: 0xA38E1F29}
"""Where libzmq 4.3 begins to number peers that choose no routing id: its rand() is never seeded."""


class Closing(Protocol):
    """What can be left open."""

    def close(self) -> object:
        """Close it."""


@dataclass
class Ground:
    """Where cases of one port are played. `port` is that port itself, `known` are logged-in devices."""

    address: str
    port: int
    offset: int
    key: bytes
    known: tuple[KeyPair, ...]
    names: tuple[str, ...]
    chosen_ids: bool = True
    rng: random.Random = field(default_factory=random.Random)
    held: deque[Closing] = field(default_factory=deque)

    def peer(self) -> Peer:
        """A fresh TCP connection."""
        return Peer(self.port, self.key)

    def keys(self) -> KeyPair:
        """A device key: of an account, or one that nobody knows."""
        return self.rng.choice(self.known) if self.rng.random() < 0.6 else new_keys()

    def keep(self, what: Closing) -> None:
        """Leave something open; the oldest goes when there are many."""
        self.held.append(what)
        while len(self.held) > _MOST_HELD:
            release(self.held.popleft())

    def release_all(self) -> None:
        """Close what was left open."""
        while self.held:
            release(self.held.popleft())

    def fitting(self) -> Properties:
        """Metadata that this port accepts."""
        kinds = [b"SUB", b"XSUB"] if self.offset == DELIVERIES else [b"DEALER", b"REQ", b"ROUTER"]
        return [(b"Socket-Type", self.rng.choice(kinds)), (b"Identity", self.identity())]

    def identity(self) -> bytes:
        """A routing id, often one that another peer has, too."""
        chosen = [
            b"a",
            b"same",
            b"x" * 255,
            b"y" * 256,
            b"z" * 4000,
            self.rng.randbytes(self.rng.randint(1, 40)),
        ]
        if self.chosen_ids:
            guess = _FIRST_IDS.get(self.offset, 0) + self.rng.randint(0, 2000)
            chosen += [b"\0" + self.rng.randbytes(4), b"\0" + guess.to_bytes(4, "big")]
        return b"" if self.rng.random() < 0.5 else self.rng.choice(chosen)

    def admitted(self) -> Peer:
        """A peer through its handshake."""
        peer = self.peer()
        try:
            peer.admit(self.keys(), self.fitting())
        except BaseException:
            peer.close()
            raise
        return peer


def release(what: Closing) -> None:
    """Close it, whatever state it is in."""
    with suppress(OSError):
        what.close()


@dataclass(frozen=True)
class Case:
    """One kind of attack; `weight` says how often it comes up."""

    kind: str
    act: Callable[[Ground], None]
    ports: tuple[int, ...] = ALL
    weight: int = 2


def leave(ground: Ground, peer: Peer) -> None:
    """Go in one of the ways a peer can go, or stay."""
    match ground.rng.randrange(4):
        case 0:
            peer.reset()
        case 1:
            peer.close()
        case 2:
            with suppress(OSError):
                peer.half_close()
            ground.keep(peer)
        case _:
            ground.keep(peer)
