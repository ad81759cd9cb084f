"""What comes on the request socket: read at once, then in line by key, so that a flood is its sender's wait.

Frames are decoded when it is their turn: that is work too, and belongs to who sent them. Heartbeats do not
wait. Frames of a connection that leaves its answers unread wait aside until it has taken some.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog
import zmq

from cnmessage_broker.between import NO_TICKET, FileRequest
from cnmessage_broker.limits import Budget
from cnmessage_broker.loop.answers import Answers
from cnmessage_broker.loop.attention import Attention
from cnmessage_broker.net.incoming import Incoming
from cnmessage_broker.net.link import Link, on_the_wire
from cnmessage_broker.net.links import Links
from cnmessage_broker.scheduling.asker import Origin, Ticket
from cnmessage_broker.scheduling.estimates import Estimates, Kind, kind_of
from cnmessage_broker.scheduling.slices import Slices
from cnmessage_broker.scheduling.turns import Turns
from cnmessage_protocol.codec import peek
from cnmessage_protocol.envelope import peek_request_id
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.trace import Trail

DRAIN = 1000
"""Most frames read in one turn."""

TURN = 0.002
"""Seconds a turn may read for."""

BEAT_BYTES = 64
_BEAT = b"\xa4beat"
_BEAT_WITHIN = 16

BEATS = (20, 5.0)
"""Heartbeats of a connection that need not wait in line: at once, and a second."""

REFUSALS = (200, 50.0)
"""Frames of a key beyond its room answered with `busy`: at once, and a second. Others are dropped."""

_ASK_BYTES = 1024
_CROWDED = RequestError(
    ErrorCode.BUSY, "too many requests of this device wait already; wait for some answers"
)

STRANGER_BYTES = 4096
"""Most bytes of a request from a key that is no account's: a signup or a login has far fewer, and larger ones
take long to decode."""

_VERB_PLACE = 2

ASIDE = 0.5
"""Share of a connection's bound of unread bytes above which its next request waits aside."""


ASIDE_OF_LINK = 256
ASIDE_OF_ALL = 32 << 20
"""Requests of a connection that wait aside at most, and bytes of all that do."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A request as it came; `body` is None when it was more than one frame."""

    link: Link
    body: bytes | None


Waiting = Frame | Slices | FileRequest

_STRANGE = RequestError(
    ErrorCode.UNAUTHENTICATED,
    f"this device is not logged in; before that a request may have {STRANGER_BYTES} bytes",
)


class Arrivals:
    """Frames that wait for their turn. Some of those that find no room are refused through `answers`.

    `known` tells whether a key is some account's.
    """

    def __init__(
        self,
        socket: "zmq.Socket[bytes]",
        links: Links,
        answers: Answers,
        known: Callable[[str], bool],
        attention: Attention,
        monotonic: Callable[[], float],
        log: structlog.typing.FilteringBoundLogger,
        trail: Trail,
    ) -> None:
        self._known = known
        self._monotonic = monotonic
        self._attention = attention
        self._incoming = Incoming(socket, monotonic)
        self._estimates = Estimates()
        self.turns: Turns[Waiting] = Turns(None, trail, lambda item: self._estimates.of(_kind_of(item)))
        self._links = links
        self._answers = answers
        self._log = log
        self._aside: OrderedDict[Link, list[tuple[Waiting, int]]] = OrderedDict()
        self._aside_size = 0
        self._parked: list[str] = []
        self._beats: Budget[int] = Budget(*BEATS)
        self._refusals: Budget[str] = Budget(*REFUSALS)

    def ask(self, ask: FileRequest, now: float) -> None:
        """The file thread asks on behalf of a client, in a line beside the client's own requests.

        What finds no room is refused; what wants no answer tells what has happened already, and finds room in
        any case.
        """
        key = f"{ask.key} files"
        if ask.ticket != NO_TICKET and not self.turns.has_room(key, _ASK_BYTES, now):
            self._answers.refuse(Ticket(ask.ticket), _CROWDED)
            return
        self.turns.put(key, ask, 0, now, stranger=not self._known(ask.key))

    def drain(self) -> Iterator[Frame | None]:
        """Read what waits; gives heartbeats, which are handled at once, and None once the socket is empty."""
        now = self._monotonic()
        ends = now + TURN
        for _ in range(DRAIN):
            try:
                message = self._incoming.take(ends)
            except zmq.Again:
                self._attention.heard_all(now)
                yield None
                return
            if message is None:
                return
            self._attention.heard_one(now, len(self._links))
            first, *parts = message.frames
            try:
                link = self._links.of(first, now)
            except zmq.ZMQError:
                self._log.warning("bad frame", peer="unknown peer", reason="a frame came without ZAP's word")
                continue
            if not message.whole:
                self._links.expel(link, "a message of very many parts")
                continue
            self._links.heard(link, sum(on_the_wire(len(part)) for part in parts))
            body = parts[0].bytes if len(parts) == 1 else None
            frame = Frame(link, body)
            if self._is_beat(frame, now):
                yield frame
            else:
                self._let_wait(frame, now)
            now = self._monotonic()
            if now > ends:
                return

    def _is_beat(self, frame: Frame, now: float) -> bool:
        body = frame.body
        if body is None or not says_beat(body):
            return False
        if self._beats.wait(frame.link.number, now) > 0:
            return False
        self._beats.spend(frame.link.number, now)
        return True

    def _let_wait(self, frame: Frame, now: float) -> None:
        key, size = frame.link.key, len(frame.body or b"")
        first = self.turns.first(key)
        if isinstance(first, Slices) and first.body == frame.body and first.origin.link is frame.link:
            return  # said again, because storing it takes long: one answer does for both
        known = self._known(key)
        if not known and size > STRANGER_BYTES:
            self._turn_away(key, frame, now, _STRANGE)
        elif self.turns.has_room(key, size, now):
            self.turns.put(key, frame, size, now, stranger=not known)
            while (longest := self.turns.shorten()) is not None:
                self._turn_away(*longest, now)
        else:
            self._turn_away(key, frame, now)

    def _turn_away(self, key: str, item: Waiting, now: float, error: RequestError = _CROWDED) -> None:
        """Refuse it, but nobody too often: a client that hears nothing asks again."""
        if isinstance(item, Frame) and self._refusals.wait(key, now) == 0:
            self._refusals.spend(key, now)
            self._answers.refuse(Origin(item.link, peek_request_id(item.body or b"")), error)

    def take(self, now: float) -> tuple[str, Waiting, int] | None:
        """Whose turn it is, and what they want; those who do not read their answers wait aside."""
        while (taken := self.turns.take(now)) is not None:
            key, item, size = taken
            link = _link_of(item)
            if link is None or not link.open or not (link in self._aside or self._links.behind(link, ASIDE)):
                return taken
            self.turns.served(key, 0.0, now)
            if self._aside_size + size > ASIDE_OF_ALL or len(self._aside.get(link, ())) == ASIDE_OF_LINK:
                self._turn_away(key, item, now)
                continue
            self._aside.setdefault(link, []).append((item, size))
            self._aside_size += size
            self.turns.hold(key, size)
        return None

    def park(self, key: str, item: Waiting, size: int, now: float) -> None:
        """What was taken cannot be done before some more is on disk: it stays the key's first until then."""
        self.turns.put_back(key, item, size, now)
        self._parked.append(key)

    def unpark(self, now: float) -> None:
        """There is room at the disk again."""
        parked, self._parked = self._parked, []
        for key in parked:
            self.turns.served(key, 0.0, now)

    def served(self, key: str, item: Waiting, cost: float, now: float) -> None:
        """What was taken of this key has taken so many seconds."""
        self._estimates.learn(_kind_of(item), cost)
        self.turns.served(key, cost, now)

    def come_back(self, now: float) -> None:
        """Let those go on who have read some of their answers, or who left."""
        for link in list(self._aside):
            if link.open and self._links.behind(link, ASIDE):
                continue
            for item, size in reversed(self._aside.pop(link)):
                self._aside_size -= size
                self.turns.release(link.key, size)
                self.turns.put_back(link.key, item, size, now)


def says_beat(body: bytes) -> bool:
    """Whether a request is a heartbeat; the word may stand elsewhere in others, too."""
    return len(body) <= BEAT_BYTES and _BEAT in body[:_BEAT_WITHIN] and peek(body, _VERB_PLACE) == "beat"


def _kind_of(item: Waiting) -> Kind:
    match item:
        case Frame(_, body):
            verb = peek(body, _VERB_PLACE) if body is not None else None
            return kind_of(verb if isinstance(verb, str) else "", len(body or b""))
        case FileRequest():
            return kind_of(item.request.VERB, 0)
        case _:
            return kind_of("slice", 0)


def stores(item: Waiting) -> bool:
    """Whether it is of those that may bring many rows for the disk."""
    match item:
        case Frame(_, body):
            return body is not None and peek(body, _VERB_PLACE) == "send"
        case Slices():
            return True
        case FileRequest():
            return False


def _link_of(item: Waiting) -> Link | None:
    match item:
        case Frame(link, _):
            return link
        case Slices(origin):
            return origin.link
        case _:
            return None
