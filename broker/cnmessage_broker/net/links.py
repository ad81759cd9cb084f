"""The connections to a port as they are: who is behind each, and how many of its bytes we hold.

An answer goes to a *connection*: a descriptor of the kernel, under the number and routing id ZAP gave it.
libzmq's monitor says when one begins and ends, the kernel how many bytes have passed (tcp.py), and so what
we hold for it in vain. Who takes more than their share is cut. Several sockets may share the port: what one
tells of a descriptor may be old when the kernel has given its number to a connection of another, so each has
its own.
"""

import struct
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from itertools import islice

import structlog
import zmq

from cnmessage_broker.net.gate import TOO_FAST, Gate
from cnmessage_broker.net.link import GONE, NOWHERE, Link, LinkBounds, on_the_wire
from cnmessage_broker.net.readable import Readable
from cnmessage_broker.net.tcp import COUNTS, Traffic, cut, place_of, traffic_of
from cnmessage_broker.net.zap import CONNECTION, Policy, routing_id

_EVENT = struct.Struct("=Hi")
_WATCHED = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED

LOOK = 1 << 16
"""Bytes handed to a connection between two looks at what it has taken."""

SETTLED = 0.2
"""Seconds that the kernel's queue must be empty before libzmq's counts as empty too."""

SILENCE = 10.0
"""Seconds after which a connection that has said nothing counts as silent."""

SILENT = 32
"""Silent connections of an address that are left alone; the oldest of the others go."""

ROUND = 500
"""Connections whose bytes are looked at in one go, in turn: a look costs two microseconds."""

OVERHEAD = 256
"""Bytes a second that a connection may bring beside its frames: framing, ZMTP's heartbeats."""


_EVENTS = 1000
"""Comings and goings that are learnt in one go."""

_REMEMBERED = 256
"""Connections that were cut, and may have left unread what is not worth reading."""

_GLANCE_MS = 20
_GOODBYE = 1.0
_BLIND = 0.3
"""While all connections end: milliseconds between looks, seconds at most, and where nothing is counted."""


class Links:
    """All connections of a port's sockets, none of which is bound yet.

    `routed`: their frames begin with a routing id.
    """

    def __init__(
        self,
        sockets: "Sequence[zmq.Socket[bytes]]",
        gate: Gate,
        log: structlog.typing.FilteringBoundLogger,
        bounds: LinkBounds,
        bar: Callable[[str], None],
        may_stay: Policy,
        *,
        routed: bool,
    ) -> None:
        self.bounds = bounds
        self.unread = 0
        self._untold = 0
        self._sockets = tuple(sockets)
        self._gate = gate
        self._log = log
        self._bar = bar
        self._may_stay = may_stay
        self._routed = routed
        self._links: dict[tuple[zmq.Socket[bytes], int], Link] = {}
        self._of_key: dict[str, set[Link]] = {}
        self._owing: dict[Link, None] = {}
        self._silent: dict[Link, None] = {}
        self._round: deque[Link] = deque()
        self._cut: deque[int] = deque(maxlen=_REMEMBERED)
        self._watched = {_monitor(each): each for each in self._sockets}
        self._monitors = Readable(tuple(self._watched))
        self._monitor_of = {each: monitor for monitor, each in self._watched.items()}

    def __len__(self) -> int:
        return len(self._links)

    def register(self, poller: "zmq.Poller") -> None:
        """Have a poller wake up for who comes and leaves, unless `waiting` says so already."""
        self._monitors.register(poller)

    def waiting(self) -> bool:
        """Whether somebody came or left of whom no poller would tell."""
        return self._monitors.waiting()

    @property
    def full(self) -> bool:
        """Whether no more connections may come."""
        return self._gate.full

    def end(self, seconds: float) -> None:
        """Let everybody take what is handed to them, for so long at most; then break all connections.

        The socket, which must not be bound any more, is closed without any connection then: one that breaks
        in the moment of the close can make libzmq abort (docs/upstream.md).
        """
        now = time.monotonic()
        ends = now + (seconds if COUNTS else min(seconds, _BLIND))
        while now < ends and not (
            COUNTS and all(self._has_taken(link, now) for link in self._links.values())
        ):
            now = self._await()
        ends = now + _GOODBYE
        while self._links and now < ends:
            for link in list(self._links.values()):
                self.drop(link)
            now = self._await()
        self._monitors.close()
        for monitor, each in self._watched.items():
            each.disable_monitor()
            monitor.close(linger=0)

    def _has_taken(self, link: Link, now: float) -> bool:
        if link.unread:
            self._look(link, now)
        return not link.unread

    def _await(self) -> float:
        """Wait a moment for who comes or leaves; gives the time."""
        poller = zmq.Poller()
        self.register(poller)
        poller.poll(0 if self.waiting() else _GLANCE_MS)
        now = time.monotonic()
        self.drain(now)
        return now

    # -- who is there -----------------------------------------------------------------------------

    def drain(self, now: float) -> None:
        """Learn who came and who left; who may not stay is cut at once."""
        for monitor in self._monitors.take():
            self._drain(monitor, now)

    def _drain(self, monitor: "zmq.Socket[bytes]", now: float) -> None:
        socket = self._watched[monitor]
        for _ in range(_EVENTS):
            try:
                event, _address = monitor.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                self._monitors.emptied(monitor)
                return
            kind, descriptor = _EVENT.unpack(event)
            if kind == zmq.EVENT_ACCEPTED:
                self._came(now, socket, descriptor)
            else:
                self._left(socket, descriptor)
        self._monitors.touched(monitor)

    def _came(self, now: float, socket: "zmq.Socket[bytes]", descriptor: int) -> None:
        self._left(socket, descriptor)  # its end was not told: never seen, and cheap to be sure of
        link = Link(place_of(descriptor) or NOWHERE, now, descriptor, socket)
        self._links[socket, descriptor] = link
        self._silent[link] = None
        self._round.append(link)
        reason = self._gate.opened(now, link.address)
        if reason is not None:
            self.cut(link if reason is TOO_FAST else self._first_silent(link), reason)

    def _first_silent(self, newcomer: Link) -> Link:
        """Who goes for a newcomer: the first of its address that said nothing, so that no crowd bars it."""
        silent = (each for each in self._silent if each.address == newcomer.address)
        return next((each for each in silent if not each.cut), newcomer)

    def _left(self, socket: "zmq.Socket[bytes]", descriptor: int) -> None:
        link = self._links.pop((socket, descriptor), None)
        if link is None:
            return
        self._silent.pop(link, None)
        self._gate.closed(link.address)
        self._forget(link)

    def _forget(self, link: Link) -> None:
        link.descriptor = GONE
        self.unread -= link.unread
        self._untold -= link.untold
        link.unread = link.untold = 0
        self._owing.pop(link, None)
        mine = self._of_key.get(link.key)
        if mine is not None:
            mine.discard(link)
            if not mine:
                del self._of_key[link.key]

    def of(self, frame: zmq.Frame, now: float, socket: "zmq.Socket[bytes] | None" = None) -> Link:
        """The connection that a routing-id frame, or a subscription, came on; one that has left is not open.

        `socket` is where it was read, if there are several. Raises zmq.ZMQError for a frame without ZAP's
        word.
        """
        key, number = str(frame.get("User-Id")), int(frame.get(CONNECTION))
        socket = socket or self._sockets[0]
        place = socket, int(frame.get(zmq.SRCFD))
        link = self._links.get(place)
        if link is None or link.number != number:
            self._drain(self._monitor_of[socket], now)
            link = self._links.get(place)
            if link is None or link.number > number:
                return Link(NOWHERE, now, socket=socket, key=key, number=number, cut=number in self._cut)
            if link.number:  # what we took for this connection's was said by one before it
                self._forget(link)
                link = self._links[place] = Link(link.place, link.opened_at, place[1], socket)
                self._round.append(link)
            link.key, link.number, link.routing_id = key, number, routing_id(number)
            self._nothing_owed(link, traffic_of(link.descriptor))  # what it has taken was the handshake
            self._silent.pop(link, None)
            self._of_key.setdefault(key, set()).add(link)
            if self._routed and frame.bytes != link.routing_id:
                self.cut(link, "a routing id that is not the one it was given")
        return link

    def of_key(self, key: str) -> list[Link]:
        """A key's connections that have said something."""
        return list(self._of_key.get(key, ()))

    def cut(self, link: Link, reason: str) -> None:
        """Break a connection, and say so in the log."""
        if link.open and not link.cut:
            self._log.warning("connection cut", reason=reason, address=link.place[0], peer=link.key)
            self.drop(link)

    def drop(self, link: Link) -> None:
        """Break a connection; libzmq notices at once and tells that it left."""
        if link.open and not link.cut:
            link.cut = True
            self._cut.append(link.number)
            cut(link.descriptor, link.place)

    def expel(self, link: Link, reason: str) -> None:
        """Break a connection and keep its key out for a while: it would come again at once and go on."""
        self._bar(link.key)
        self.cut(link, reason)

    def cut_key(self, key: str, reason: str) -> None:
        """Break all connections of a key."""
        for link in self.of_key(key):
            self.cut(link, reason)

    # -- what is held for them --------------------------------------------------------------------

    def heard(self, link: Link, size: int) -> None:
        """A whole message of so many bytes came on it."""
        link.heard += size

    def handed(self, link: Link, frames: "Sequence[bytes | memoryview]", now: float) -> None:
        """These frames are on their way to it; without the routing id, which stays here."""
        if not link.open:
            return
        size = sum(on_the_wire(len(each)) for each in frames)
        link.unread += size
        link.looked += size
        self.unread += size
        self._owing[link] = None
        if link.looked > LOOK:
            self._look(link, now)
            if self.unread > self.bounds.unread_of_all:
                self.shed(self.bounds.unread_of_all * 3 // 4, now)

    @staticmethod
    def _nothing_owed(link: Link, traffic: Traffic | None) -> None:
        """What it has taken so far is nothing that was handed to it here: `end` must not count it for that,
        or it breaks the connection before libzmq has even sent the last word.
        """
        if traffic is not None and not link.unread:
            link.taken = traffic.taken

    def _look(self, link: Link, now: float) -> None:
        """Ask the kernel what it has taken meanwhile."""
        link.looked = 0
        traffic = traffic_of(link.descriptor)
        if traffic is None:
            rest = 0
        else:
            rest = max(0, link.unread - (traffic.taken - link.taken))
            link.taken = traffic.taken
            if not traffic.drained:
                link.idle_since = None
            elif link.idle_since is None:
                link.idle_since = now
            elif now - link.idle_since > SETTLED:
                rest = 0  # what is left was dropped at a full queue, or was never ours
        self.unread += rest - link.unread
        link.unread = rest
        self._owing.pop(link, None)
        if rest:
            self._owing[link] = None

    def behind(self, link: Link, share: float = 1.0) -> bool:
        """Whether it has left more than its share of what is handed to it untaken."""
        if link.unread <= self.bounds.unread * share:
            mine = self._of_key.get(link.key, ())
            return len(mine) > 1 and sum(each.unread for each in mine) > self.bounds.unread_of_key * share
        return True

    def look(self, now: float) -> None:
        """What time alone shows: bytes taken, connections that say nothing, messages that never end."""
        for link in list(islice(self._owing, ROUND)):
            self._look(link, now)
        self._look_round(ROUND, now, self.bounds.untold)
        of_address: Counter[str] = Counter()
        for link in reversed([each for each in self._silent if now - each.opened_at > SILENCE]):
            of_address[link.address] += 1
            if of_address[link.address] > SILENT:
                self.cut(link, "a connection says nothing")

    def look_at_all(self, now: float) -> None:
        """Memory is short: look for messages that never end on all connections at once, less patiently."""
        self._look_round(len(self._round), now, self.bounds.untold_pressed)

    def _look_round(self, most: int, now: float, bound: int) -> None:
        for _ in range(min(most, len(self._round))):
            link = self._round.popleft()
            if not link.open:
                continue
            if link.number and not self._may_stay(link.key):
                self.drop(link)
            self._look_untold(link, now, bound)
            self._round.append(link)
        self._bound_untold()

    def _look_untold(self, link: Link, now: float, bound: int) -> None:
        traffic = traffic_of(link.descriptor)
        if traffic is None:
            return
        self._nothing_owed(link, traffic)  # libzmq itself answers a peer's heartbeats
        untold = traffic.received - link.heard - int(OVERHEAD * (now - link.opened_at + SILENCE))
        if untold <= 0 and not link.untold:
            return  # as with nearly everybody
        self._untold += max(0, untold) - link.untold
        link.untold = max(0, untold)
        if untold > bound + link.expected:
            self.expel(link, "a message without an end, or more of them than can be read")

    def _bound_untold(self) -> None:
        """Cut who sends most faster than it can be read, if all together send too much."""
        bounds = self.bounds
        if self._untold <= bounds.untold_of_all:
            return
        expected = sum([each.expected for each in self._links.values()])
        over = self._untold - bounds.untold_of_all - min(expected, bounds.expected_of_all)
        for link in sorted(self._links.values(), key=lambda each: -each.untold):
            if over <= 0:
                return
            over -= link.untold
            self.expel(link, "all together send more than can be read")

    def shed(self, most: int, now: float) -> None:
        """Cut who has left the most untaken, until no more than `most` bytes are held for all."""
        for link in list(self._owing):
            self._look(link, now)
        for link in sorted(self._owing, key=lambda each: -each.unread):
            if self.unread <= most:
                return
            self.cut(link, "too much is left unread")
            if link.socket is not None:
                self._left(link.socket, link.descriptor)


def _monitor(socket: "zmq.Socket[bytes]") -> "zmq.Socket[bytes]":
    """Where libzmq tells of a socket's connections."""
    address = f"inproc://monitor-{id(socket)}"
    socket.monitor(address, _WATCHED)
    monitor: zmq.Socket[bytes] = socket.context.socket(zmq.PAIR)
    monitor.setsockopt(zmq.RCVHWM, 0)  # a full one would hold up libzmq's I/O thread
    monitor.connect(address)
    return monitor
