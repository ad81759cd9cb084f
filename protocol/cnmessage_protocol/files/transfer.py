"""A client's transfer of one file: its phases, every transition between them, and what it wants done.

    upload      asks, sends, finishes      ↔  the broker receives, verifies, records
    download    asks, receives, verifies   ↔  the broker sends

Both outlive a broken link: they ask again and go on where the receiving side's bytes end. Must know neither
sockets nor disks, and no clock: `now` is in seconds, and passed in.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Self

from msgspec import Struct

from cnmessage_protocol.errors import ErrorCode, NoProgressError, ProtocolError, RequestError
from cnmessage_protocol.files.channel import FIRST_CHUNK, WINDOW_CHUNKS, FileMessage, Kept, Opened, Pause

SILENCE = 10.0
"""Seconds without a word after which a client makes a fresh link. A broken connection is noticed at once."""


class Say(Struct, frozen=True):
    """Send this message."""

    message: FileMessage


class SeekTo(Struct, frozen=True):
    """Be ready to go on at `offset`: what lies before it must have been hashed."""

    offset: int


class Reopen(Struct, frozen=True):
    """The link is dead: open a fresh one."""


class Keep(Struct, frozen=True):
    """All bytes of the download are here: verify them, put the file in its place, then tell `kept`."""

    sha256: bytes


class Ended(Struct, frozen=True):
    """The transfer is over: `result` says how it went, or `error` why it did not."""

    result: Kept | Opened | None
    error: RequestError | None = None


Effect = Say | SeekTo | Reopen | Keep | Ended


class Phase(Enum):
    """Where a client's transfer stands."""

    ASKING = "asking"
    MOVING = "moving"
    FINISHING = "finishing"
    VERIFYING = "verifying"
    ENDED = "ended"


class Step(Enum):
    """What moves a client's transfer."""

    GRANTED = "granted"
    OPENED = "opened"
    ALL_SENT = "all sent"
    ALL_HERE = "all here"
    STORED = "stored"
    KEPT = "kept"
    NOTED = "noted"
    LOST = "lost"
    STOPPED = "stopped"


UPLOADING: Mapping[tuple[Phase, Step], Phase] = MappingProxyType(
    {
        (Phase.ASKING, Step.GRANTED): Phase.MOVING,
        (Phase.MOVING, Step.GRANTED): Phase.MOVING,
        (Phase.MOVING, Step.ALL_SENT): Phase.FINISHING,
        (Phase.FINISHING, Step.GRANTED): Phase.MOVING,
        **{(phase, Step.KEPT): Phase.ENDED for phase in (Phase.ASKING, Phase.MOVING, Phase.FINISHING)},
        **{(phase, Step.LOST): Phase.ASKING for phase in (Phase.ASKING, Phase.MOVING, Phase.FINISHING)},
        **{(phase, Step.STOPPED): Phase.ENDED for phase in (Phase.ASKING, Phase.MOVING, Phase.FINISHING)},
    },
)
"""Every transition of an upload; what is missing here is a protocol error."""

DOWNLOADING: Mapping[tuple[Phase, Step], Phase] = MappingProxyType(
    {
        (Phase.ASKING, Step.OPENED): Phase.MOVING,
        (Phase.MOVING, Step.OPENED): Phase.MOVING,
        (Phase.MOVING, Step.ALL_HERE): Phase.VERIFYING,
        (Phase.VERIFYING, Step.STORED): Phase.FINISHING,
        (Phase.FINISHING, Step.NOTED): Phase.ENDED,
        (Phase.ASKING, Step.LOST): Phase.ASKING,
        (Phase.MOVING, Step.LOST): Phase.ASKING,
        (Phase.VERIFYING, Step.LOST): Phase.VERIFYING,
        (Phase.FINISHING, Step.LOST): Phase.FINISHING,
        **{
            (phase, Step.STOPPED): Phase.ENDED
            for phase in (Phase.ASKING, Phase.MOVING, Phase.VERIFYING, Phase.FINISHING)
        },
    },
)
"""Every transition of a download."""


WORK = 6
WORK_RATE = 4 << 20
"""How long a broker's word that it is at work counts: so many times `limit`, and a second for so many bytes.
A line on which a chunk takes `limit` may besides have a window of the smallest ones under way."""

LEAST_GAIN = 1 << 10
"""Fewest new bytes that count as progress, unless they are the last."""

MOST_REPEATS = 256
"""How often a broker may send a transfer back before new bytes move; every chunk under way may do it once."""


class Patience(Struct):
    """When a client leaves a link, and pauses a transfer: after `limit` seconds without progress.

    Progress is bytes that never moved before, so that it has an end. Signs of life count while the other side
    may be at work, and no longer than its work can take.
    """

    heard_at: float
    moved_at: float
    limit: float
    _gained_at: float
    _work: float
    _gained: int = 0
    _repeats: int = 0

    @classmethod
    def of(cls, now: float, limit: float, size: int = 0) -> Self:
        """From now on, for a file with which the other side may be at work."""
        under_way = min(size // FIRST_CHUNK, WINDOW_CHUNKS)
        return cls(now, now, limit, now, (WORK + under_way) * limit + size / WORK_RATE)

    def heard(self, now: float, *, progress: bool) -> None:
        """The broker said something about this transfer; `progress` if it may be at work."""
        self.heard_at = now
        if progress and now - self._gained_at <= self._work:
            self.moved_at = now

    def reached(self, now: float, amount: int, whole: int) -> None:
        """So much has moved of the whole; what moved again is nothing new."""
        if amount - self._gained >= max(1, min(LEAST_GAIN, whole - self._gained)):
            self._gained, self._repeats = amount, 0
            self.moved_at = self._gained_at = now

    def worked(self, now: float) -> None:
        """This side was busy itself."""
        self.heard_at = self.moved_at = self._gained_at = now

    def sent_back(self) -> None:
        """The broker wants something again; NoProgressError when it wants nothing else for too long.

        A link that brings things late makes for hundreds of repeats in a moment, so it takes both.
        """
        self._repeats += 1
        if self._repeats > MOST_REPEATS and self.heard_at - self._gained_at > self.limit / 2:
            raise NoProgressError("it sends the transfer back again and again, and nothing moves")

    @property
    def deadline(self) -> float:
        """When one of the two is due."""
        return min(self.heard_at + min(SILENCE, self.limit), self.moved_at + self.limit)


def next_phase(table: Mapping[tuple[Phase, Step], Phase], phase: Phase, step: Step) -> Phase:
    """Where `step` leads from `phase`; ProtocolError when the table does not say."""
    try:
        return table[phase, step]
    except KeyError:
        raise ProtocolError(f"a transfer that is {phase.value} cannot be {step.value}") from None


def waited(patience: Patience, now: float) -> list[Effect]:
    """What time alone brings about: a fresh link, or a pause, which is this call's end."""
    if now - patience.moved_at >= patience.limit:
        text = f"no progress for {patience.limit:g} s"
        return [Say(Pause()), Ended(None, RequestError(ErrorCode.UNREACHABLE, text))]
    if now - patience.heard_at >= min(SILENCE, patience.limit):
        patience.heard_at = now
        return [Reopen()]
    return []
