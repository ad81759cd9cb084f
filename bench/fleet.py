"""Many clients in one process: the protocol's own sessions over real CURVE sockets of one context.

What a client's connection does for one session, done for thousands: contexts and threads of their own would
measure this machine's memory. Prints a line of JSON whenever something changed.

    python -m bench.fleet fleet|pair SETTINGS
"""

import heapq
import json
import random
import resource
import select
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import zmq

from bench.processes import ready, report, settings, wait_for_go
from cnmessage_protocol.conversation import Direct
from cnmessage_protocol.deliveries import Delivery
from cnmessage_protocol.envelope import MAX_REPLY, pack_request, unpack_reply
from cnmessage_protocol.ids import ClientId, UserName
from cnmessage_protocol.machines.effects import (
    CloseLink,
    Effect,
    End,
    Listen,
    OpenLink,
    StateChanged,
    Transmit,
)
from cnmessage_protocol.machines.inbox import HandOver
from cnmessage_protocol.machines.session import Session
from cnmessage_protocol.machines.states import State
from cnmessage_protocol.records import InboxItem, NewMessage
from cnmessage_protocol.sealing import Opener

DESCRIPTORS = 4
"""Of a client: two connections, and what wakes the owner of two sockets."""

SPARE = 64
_TELL = 0.05
_CURVE_OVERHEAD = 64
_WARM_UP = 100


class Place(NamedTuple):
    """Where the broker is; `key` is its z85 text."""

    host: str
    port: int
    key: str


class Account(NamedTuple):
    """A user and the key of its only device, z85 text."""

    name: str
    public: str
    secret: str


class Fleet:
    """Drives all members with one epoll and one heap of deadlines."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.live = self.joined = self.lost = self.ended = 0
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.context.set(zmq.MAX_SOCKETS, self.context.get(zmq.SOCKET_LIMIT))
        self._epoll = select.epoll()
        self._of_fd: dict[int, Member] = {}
        self._due: list[tuple[float, int, Member]] = []
        self._tie = count()
        self._again: dict[Member, None] = {}

    def watch(self, socket: "zmq.Socket[bytes]", member: "Member") -> None:
        """Have a member look at its sockets when one has something."""
        fd = int(socket.fileno())
        self._of_fd[fd] = member
        self._epoll.register(fd, select.EPOLLIN)
        self._again[member] = None

    def unwatch(self, socket: "zmq.Socket[bytes]") -> None:
        """It is about to be closed."""
        fd = int(socket.fileno())
        del self._of_fd[fd]
        self._epoll.unregister(fd)

    def again(self, member: "Member") -> None:
        """Have it look once more: what was sent may have taken the edge with it."""
        self._again[member] = None

    def at(self, deadline: float, member: "Member") -> None:
        """Have it tick then."""
        heapq.heappush(self._due, (deadline, next(self._tie), member))

    def turn(self, most: float = 0.05) -> None:
        """Whatever is due, once."""
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            deadline, _, member = heapq.heappop(self._due)
            if member.due == deadline:
                member.tick()
        if self._again:
            most = 0.0
        elif self._due:
            most = min(most, max(0.0, self._due[0][0] - time.monotonic()))
        looking = dict(self._again)
        self._again.clear()
        for fd, _ in self._epoll.poll(most):
            looking[self._of_fd[fd]] = None
        for member in looking:
            member.look()


class Member:
    """One client; `shown` gets what is delivered to it."""

    def __init__(
        self,
        fleet: Fleet,
        account: Account,
        shown: Callable[[HandOver], None] | None = None,
        *,
        deliveries: bool = True,
    ) -> None:
        self.due = float("inf")
        self.session = Session(random.random, deliveries=deliveries)
        self._fleet = fleet
        self._account = account
        self._shown = shown
        self._requests: zmq.Socket[bytes] | None = None
        self._pushes: zmq.Socket[bytes] | None = None
        self._open: Callable[[list[bytes]], Delivery] | None = None
        self._unsent: list[bytes] = []

    def begin(self) -> None:
        """Come."""
        self.perform(self.session.open(time.monotonic()))

    def tick(self) -> None:
        """Its time has come."""
        self.due = float("inf")
        self.perform(self.session.tick(time.monotonic()))

    def perform(self, effects: Iterable[Effect]) -> None:
        """What the session wants, as a client's connection does it."""
        for effect in effects:
            match effect:
                case Transmit(request_id, request):
                    self._unsent.append(pack_request(request_id, request))
                case OpenLink():
                    self._close()
                    self._requests = self._socket(zmq.DEALER, 0)
                case Listen(offset, topic, key):
                    self._close_pushes()
                    self._open = Opener(topic, key).open
                    self._pushes = self._socket(zmq.SUB, offset, topic)
                case CloseLink():
                    self._flush()
                    self._close()
                case StateChanged(state):
                    self._changed(state)
                case HandOver() if self._shown is not None:
                    self._shown(effect)
                case End(error):
                    print(f"fleet: {self._account.name}: {error}", file=sys.stderr)
                    self._fleet.ended += 1
        self._flush()
        deadline = self.session.deadline
        if deadline is not None and deadline < self.due:
            self.due = deadline
            self._fleet.at(deadline, self)

    _was: State = State.CLOSED

    def _changed(self, state: State) -> None:
        self._fleet.live += (state is State.LIVE) - (self._was is State.LIVE)
        self._fleet.joined += state is State.LIVE and self._was is not State.LIVE
        self._fleet.lost += state is State.WAITING
        self._was = state

    def look(self) -> None:
        """Take all that has come."""
        self._flush()
        while self._requests is not None and (frames := _taken(self._requests)):
            self.perform(self.session.replied(time.monotonic(), unpack_reply(frames[0])))
        while self._pushes is not None and self._open is not None and (frames := _taken(self._pushes)):
            self.perform(self.session.delivered(time.monotonic(), self._open(frames)))

    def _socket(self, kind: int, offset: int, topic: bytes | None = None) -> "zmq.Socket[bytes]":
        place = self._fleet.place
        socket = self._fleet.context.socket(kind)
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.RECONNECT_IVL, 200),
            (zmq.RECONNECT_IVL_MAX, 10_000),
            (zmq.HANDSHAKE_IVL, 5000),
            (zmq.HEARTBEAT_IVL, 2000),
            (zmq.HEARTBEAT_TIMEOUT, 6000),
            (zmq.MAXMSGSIZE, MAX_REPLY + _CURVE_OVERHEAD),
        ):
            socket.setsockopt(option, value)
        socket.setsockopt(zmq.CURVE_SERVERKEY, place.key.encode())
        socket.setsockopt(zmq.CURVE_PUBLICKEY, self._account.public.encode())
        socket.setsockopt(zmq.CURVE_SECRETKEY, self._account.secret.encode())
        if topic is None:
            socket.setsockopt(zmq.IMMEDIATE, 1)
        else:
            socket.setsockopt(zmq.SUBSCRIBE, topic)
        socket.connect(f"tcp://{place.host}:{place.port + offset}")
        self._fleet.watch(socket, self)
        return socket

    def _flush(self) -> None:
        while self._unsent and self._requests is not None:
            try:
                self._requests.send(self._unsent[0], zmq.NOBLOCK)
            except zmq.Again:
                return
            del self._unsent[0]
            self._fleet.again(self)

    def _close(self) -> None:
        self._close_pushes()
        self._unsent.clear()
        if self._requests is not None:
            self._fleet.unwatch(self._requests)
            self._requests.close(linger=0)
            self._requests = None

    def _close_pushes(self) -> None:
        if self._pushes is not None:
            self._fleet.unwatch(self._pushes)
            self._pushes.close(linger=0)
            self._pushes = None


def _taken(socket: "zmq.Socket[bytes]") -> list[bytes]:
    try:
        return socket.recv_multipart(zmq.NOBLOCK)
    except zmq.Again:
        return []


def room_for(clients: int) -> int:
    """How many of so many clients one process has descriptors for, once its limit is as high as it may be."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return clients if hard == resource.RLIM_INFINITY else min(clients, (hard - SPARE) // DESCRIPTORS)


# -- the parties ----------------------------------------------------------------------------------


def accounts_of(given: dict[str, Any]) -> list[Account]:
    """Those that a party is to use."""
    lines = Path(given["accounts"]).read_text(encoding="utf-8").splitlines()
    return [Account(*json.loads(line)) for line in lines[given["first"] : given["first"] + given["count"]]]


def sail(given: dict[str, Any]) -> None:
    """All come at once when they are let; it tells from then on how many are live, and what was lost."""
    accounts = accounts_of(given)
    if room_for(len(accounts)) < len(accounts):
        raise SystemExit("fleet: too few descriptors")
    fleet = Fleet(Place(*given["place"]))
    members = [Member(fleet, each) for each in accounts]
    ready()
    wait_for_go()
    for member in members:
        member.begin()
    told: dict[str, int] = {}
    tell_at = 0.0
    while True:
        fleet.turn()
        now = time.monotonic()
        state = {name: getattr(fleet, name) for name in ("live", "joined", "lost", "ended")}
        if state != told and now >= tell_at:
            told, tell_at = state, now + _TELL
            print(json.dumps({"at": now, **state}), flush=True)


def pair(given: dict[str, Any]) -> None:
    """The first sends to the second, so many messages a second; milliseconds from send to shown."""
    place, (sender, receiver) = Place(*given["place"]), accounts_of(given)
    total, pause = given["messages"] + _WARM_UP, 1 / given["rate"]
    fleet = Fleet(place)
    sent: dict[str | bytes, float] = {}
    taken: list[float] = []

    def shown(news: HandOver) -> None:
        now = time.perf_counter()
        bodies = [item.body for item in news.items if isinstance(item, InboxItem)]
        taken.extend((now - sent[body]) * 1000 for body in bodies if body in sent)

    alice, bob = Member(fleet, sender), Member(fleet, receiver, shown)
    for member in (alice, bob):
        member.begin()
    while fleet.live < 2:
        fleet.turn()
    ready()
    wait_for_go()
    begun = time.monotonic()
    for number in range(total):
        while (left := begun + number * pause - time.monotonic()) > 0:
            fleet.turn(left)
        body = f"message {number} {begun}"
        identity = ClientId(random.randbytes(16))
        sent[body] = time.perf_counter()
        message = NewMessage(identity, (Direct(UserName(receiver.name)),), body)
        alice.perform(alice.session.submit(time.monotonic(), [message]))
    ends = time.monotonic() + 10.0
    while len(taken) < total and time.monotonic() < ends:
        fleet.turn()
    came = sorted(taken[_WARM_UP:])
    report(p50=statistics.median(came), p99=came[int(len(came) * 0.99)], missing=total - len(taken))


if __name__ == "__main__":
    match sys.argv[1]:
        case "fleet":
            sail(settings())
        case _:
            pair(settings())
