"""A world for one transfer in virtual time: a model broker, and a link that fails.

Bytes stand for themselves by their place: `range(size)` is the file and a slice of it a chunk, so a file of
any size costs nothing, and a byte in the wrong place shows. Written to be seen correct: a killed broker
forgets its transfers and keeps what it has written.
"""

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.files.channel import (
    FROM_BROKER,
    FROM_CLIENT,
    Chunk,
    Credit,
    Fetched,
    FileMessage,
    Finish,
    Get,
    Granted,
    Kept,
    Noted,
    Opened,
    Put,
    Stop,
    pack,
    unpack,
)
from cnmessage_protocol.files.flows import Inflow, Outflow
from cnmessage_protocol.files.transfer import Ended
from cnmessage_protocol.testing import FakeClock, Fate, NetworkPath, calm

FILE, UPLOAD, DIGEST = b"f" * 16, b"u" * 16, b"d" * 32
KEPT = Kept(FILE, b"m" * 16, 7, 1)
NOTHING = range(0)
DISK = 0.05
BEAT = 1.0
STEP = 0.001
PATIENT = 1e6
_UNKNOWN = Stop(str(ErrorCode.NOT_ATTACHED))

Said = tuple[FileMessage, range]


def one_piece(pieces: Iterable[range]) -> range:
    """Pieces that were written one behind the other, joined; AssertionError when a byte is out of place."""
    end = 0
    for piece in pieces:
        assert piece.start == end, f"bytes {piece} were written at {end}"
        end = piece.stop
    return range(end)


class Side(Protocol):
    """What the world asks of either side."""

    def received(self, now: float, link: int, message: FileMessage, data: range) -> Iterable[Said]:
        """The other side said something on the link of this number."""

    @property
    def deadline(self) -> float:
        """When it has something to do."""


class Broker(Side, Protocol):
    """What the world may do to a broker."""

    def passed(self, now: float, link: int) -> Iterable[Said]:
        """Time passed; only what is said on the link of this number is heard."""

    def forget(self) -> None:
        """Everything in memory is gone, or belongs to a link that is."""


class Client(Side, Protocol):
    """What the world may do to a client. `reopen`: it wants a fresh link."""

    ended: list[Ended]
    reopen: bool

    def passed(self, now: float) -> Iterable[Said]:
        """Time passed."""

    def lost(self, now: float) -> Iterable[Said]:
        """Its link broke, and it was told."""


class KeepingBroker:
    """Takes an upload. `pieces` and `kept` outlive it; `highest` is the most that ever was written."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.pieces: list[range] = []
        self.kept = False
        self.highest = 0
        self._flow: Inflow | None = None
        self._link = 0
        self._verified_at: float | None = None
        self._beat_at = 0.0

    def forget(self) -> None:
        """The broker was killed."""
        self._flow = self._verified_at = None

    def received(self, now: float, link: int, message: FileMessage, data: range) -> list[Said]:
        """As uploads of the broker."""
        flow = self._flow
        match message:
            case Put(size=size):
                assert size == self.size
                return self._put(link)
            case Chunk() | Finish() if flow is None or link != self._link:
                return [(_UNKNOWN, NOTHING)]
            case Chunk() | Finish() if self._verified_at is not None:
                return []
            case Chunk(offset) if flow is not None:
                if not flow.take(now, offset, len(data)):
                    return [self._granted(flow)]
                self.pieces.append(data)
                self.highest = max(self.highest, flow.offset)
                return [(flow.more_credit(), NOTHING)] if flow.credit_due else []
            case Finish(sha256) if flow is not None:
                assert sha256 == DIGEST
                if not flow.complete:
                    return [self._granted(flow)]
                self._verified_at = now + DISK
                return []
            case _:
                raise AssertionError(f"an upload does not say {message}")

    def _put(self, link: int) -> list[Said]:
        if self.kept:
            return [(KEPT, NOTHING)]
        if self._flow is None:
            here = len(one_piece(self.pieces))
            self._flow = Inflow(self.size, here, here)
        self._link = link
        return [self._granted(self._flow)] if self._verified_at is None else []

    def _granted(self, flow: Inflow) -> Said:
        return Granted(FILE, flow.offset, flow.credit().upto), NOTHING

    def passed(self, now: float, link: int) -> list[Said]:
        """A file is verified; a sign of life. Both go to the connection that the upload came on."""
        said: list[Said] = []
        if self._verified_at is not None and self._verified_at <= now:
            assert one_piece(self.pieces) == range(self.size)
            self.forget()
            self.kept = True
            said.append((KEPT, NOTHING))
        if self._beat_at <= now:
            self._beat_at = now + BEAT
            if self._flow is not None:
                said.append((self._flow.credit(), NOTHING))
        return said if link == self._link else []

    @property
    def deadline(self) -> float:
        """When the next of both is due."""
        return self._beat_at if self._verified_at is None else min(self._beat_at, self._verified_at)


class ServingBroker:
    """Gives a download. `noted` outlives it; `sent` counts bytes for the test."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.noted = False
        self.sent = 0
        self._flow: Outflow | None = None
        self._link = 0

    def forget(self) -> None:
        """The broker was killed, or knows that the link is gone."""
        self._flow = None

    def received(self, now: float, link: int, message: FileMessage, data: range) -> list[Said]:
        """As downloads of the broker."""
        del now, data
        match message:
            case Get(offset, upto, chunk):
                self._flow, self._link = Outflow(self.size, offset, upto, chunk), link
                return [(Opened("x", self.size, DIGEST), NOTHING), *self._chunks(self._flow)]
            case Fetched():
                self.noted = True
                return [(Noted(), NOTHING)]
            case Credit() if self._flow is None or link != self._link:
                return [(_UNKNOWN, NOTHING)]
            case Credit(upto, chunk) if self._flow is not None:
                self._flow.credited(upto, chunk)
                return self._chunks(self._flow)
            case _:
                raise AssertionError(f"a download does not say {message}")

    def _chunks(self, flow: Outflow) -> list[Said]:
        said: list[Said] = []
        while length := flow.next_length():
            said.append((Chunk(flow.offset), range(flow.offset, flow.offset + length)))
            flow.offset += length
            self.sent += length
        return said

    def passed(self, now: float, link: int) -> list[Said]:
        """Nothing comes of time alone."""
        del now, link
        return []

    @property
    def deadline(self) -> float:
        """Never."""
        return float("inf")


class TransferWorld:
    """One client, one broker, and what lies between them."""

    def __init__(self, client: Client, broker: Broker, first: Iterable[Said], *, unruly: bool) -> None:
        self.clock = FakeClock()
        self.client = client
        self.broker = broker
        self.weather: deque[Fate] = deque()
        """What becomes of the next messages; those after them pass."""
        self.up = True
        self.cuts = 0
        fate = self._fate if unruly else calm
        self._to_broker: NetworkPath[Said] = NetworkPath(fate, ordered=not unruly)
        self._to_client: NetworkPath[Said] = NetworkPath(fate, ordered=not unruly)
        self.say(first)

    def say(self, said: Iterable[Said]) -> None:
        """The client says this."""
        for message, data in said:
            self._to_broker.send(self.clock.now, _travelled(message, data, FROM_CLIENT))

    def blink(self) -> None:
        """The connection breaks and the socket connects again by itself: the client is not told."""
        self.cuts += 1
        self._to_broker.cut()
        self._to_client.cut()

    def cut(self) -> None:
        """The connection breaks, and the client opens a fresh one."""
        self.blink()
        self.say(self.client.lost(self.clock.now))

    def restart_broker(self) -> None:
        """The broker is killed and started."""
        self.broker.forget()
        self.blink()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            moments = [self._to_client.next_arrival, self.client.deadline]
            if self.up:  # what comes to a broker that is frozen waits at its door
                moments += [self._to_broker.next_arrival, self.broker.deadline]
            due = min(each for each in moments if each is not None)
            now = self.clock.advance_to(min(end, max(due, self.clock.now + STEP)))
            for message, data in self._to_broker.arrived(now) if self.up else []:
                self._answer(self.broker.received(now, self.cuts, message, data))
            self._answer(self.broker.passed(now, self.cuts) if self.up else [])
            for message, data in self._to_client.arrived(now):
                self.say(self.client.received(now, self.cuts, message, data))
            self.say(self.client.passed(now))
            if self.client.reopen:
                self.client.reopen = False
                self.cut()

    def _answer(self, said: Iterable[Said]) -> None:
        for message, data in said:
            self._to_client.send(self.clock.now, _travelled(message, data, FROM_BROKER))

    def _fate(self) -> Fate:
        return self.weather.popleft() if self.weather else calm()


def _travelled(message: FileMessage, data: range, catalogue: object) -> Said:
    """What comes out of the frames at the other end."""
    frames = [pack(FILE, message), *([b"."] if data else [])]
    return unpack(frames, catalogue)[1], data  # type: ignore[arg-type]
