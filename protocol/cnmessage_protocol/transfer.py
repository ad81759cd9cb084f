"""A client's transfer of one file: its phases, every transition between them, and what it wants done.

    Upload (upload.py)        asks, sends, finishes      ↔  the broker receives, verifies, records
    Download (download.py)    asks, receives, verifies   ↔  the broker sends

Both outlive a broken link: they ask again and go on where the receiving side's bytes end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from cnmessage_protocol.errors import ErrorCode, ProtocolError, RequestError
from cnmessage_protocol.filechannel import FileMessage, Kept, Opened

SILENCE = 10.0
"""Seconds without a word after which a client makes a fresh link. A broken connection is noticed at once."""


@dataclass(frozen=True, slots=True)
class Say:
    """Send this message."""

    message: FileMessage


@dataclass(frozen=True, slots=True)
class SeekTo:
    """Be ready to go on at `offset`: what lies before it must have been hashed."""

    offset: int


@dataclass(frozen=True, slots=True)
class Reopen:
    """The link is dead: open a fresh one."""


@dataclass(frozen=True, slots=True)
class Keep:
    """All bytes of the download are here: verify them, put the file in its place, then tell `kept`."""

    sha256: bytes


@dataclass(frozen=True, slots=True)
class Ended:
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


@dataclass(slots=True)
class Patience:
    """When a client gives up on a link, and on a transfer. `limit` seconds without progress end it."""

    heard_at: float
    moved_at: float
    limit: float

    def heard(self, now: float, *, progress: bool) -> None:
        """The broker said something about this transfer."""
        self.heard_at = now
        if progress:
            self.moved_at = now

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
    """What time alone brings about: a fresh link, or the end."""
    if now - patience.moved_at >= patience.limit:
        text = f"no progress for {patience.limit:g} s"
        return [Ended(None, RequestError(ErrorCode.UNREACHABLE, text))]
    if now - patience.heard_at >= min(SILENCE, patience.limit):
        patience.heard_at = now
        return [Reopen()]
    return []
