"""One transfer as the transfer thread sees it: a machine, what is on this computer's disk, and its reports.

Here is what uploads and downloads share. Must know neither the socket nor the other transfers.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from concurrent.futures import Future

from msgspec import Struct

from cnmessage_client.model import Phase, TransferProgress
from cnmessage_protocol.errors import CnMessageError, ErrorCode, RequestError
from cnmessage_protocol.files.channel import Chunk, FileMessage, Kept, Opened
from cnmessage_protocol.files.download import Download
from cnmessage_protocol.files.transfer import Effect, Ended, Reopen, Say
from cnmessage_protocol.files.upload import Upload
from cnmessage_protocol.ids import id_text
from cnmessage_protocol.trace import Trail

REPORT_EVERY = 0.1
"""Seconds between two reports of one transfer, unless its phase changes."""

_SHORT = 8
"""Digits that tell a transfer in a trail: the last, for ids made in the same moment begin alike."""

Report = Callable[[TransferProgress], None]


class Hands(Struct, frozen=True):
    """What a job works with: `say` something on the link, run `work` on the worker, `wake` the thread.

    Its machine notes in the `trail` what it does.
    """

    say: Callable[[bytes, FileMessage, bytes | None], None]
    wake: Callable[[], None]
    work: Callable[[Callable[[], None]], "Future[None]"]
    trail: Trail


class Job(ABC):
    """A transfer. `transfer` is its name on the link; once `ended`, `error` says whether it failed.

    Methods raise CnMessageError when this side cannot go on; the thread then calls `fail`.
    """

    def __init__(self, name: str, limit: float, report: Report) -> None:
        self.name = name
        self.limit = limit
        self.transfer = b""
        self.ended = False
        self.error: CnMessageError | None = None
        self.reopen = False
        self.started_at: int | None = None
        self._report = report
        self._reported: tuple[str, float] = ("", 0.0)
        self._hands: Hands
        self.reported(0.0)

    @property
    @abstractmethod
    def machine(self) -> Upload | Download | None:
        """What decides; None before `start`."""

    @abstractmethod
    def start(self, now: float, hands: Hands) -> None:
        """Open what is on the disk, and say the first word."""

    def received(self, now: float, message: FileMessage, data: memoryview) -> None:  # noqa: ARG002 - a chunk's bytes
        """The broker said something about this transfer."""
        if self.machine is not None and not isinstance(message, Chunk):
            self.perform(now, self.machine.received(now, message))

    @abstractmethod
    def step(self, now: float, *, room: bool) -> None:
        """Do a piece of what is `busy`, or of what is wanted of the link if there is `room` on it."""

    @property
    @abstractmethod
    def busy(self) -> bool:
        """Whether `step` has something to do whatever the link says."""

    @property
    @abstractmethod
    def wants_room(self) -> bool:
        """Whether `step` would send a chunk."""

    @abstractmethod
    def close(self) -> None:
        """Release what is on the disk; what was done stays."""

    # -- common to both ---------------------------------------------------------------------------

    @property
    def trail(self) -> Trail:
        """Where its machine notes what it does, under the end of its name on the link."""
        return self._hands.trail.of(id_text(self.transfer)[-_SHORT:] if self.transfer else "")

    def lost(self, now: float) -> None:
        """There is a fresh link."""
        if self.machine is not None:
            self.perform(now, self.machine.lost(now))

    def tick(self, now: float) -> None:
        """Time passed."""
        if self.machine is not None and now >= self.machine.deadline:
            self.perform(now, self.machine.tick(now))

    def fail(self, error: CnMessageError) -> None:
        """This side cannot go on: for now, or for good."""
        self._leave(error, pausing=self.may_go_on(error))

    def pause(self, error: CnMessageError) -> None:
        """Stop here for now: the same call may go on with what has arrived."""
        self._leave(error, pausing=True)

    def _leave(self, error: CnMessageError, *, pausing: bool) -> None:
        if self.ended:
            return
        if self.machine is not None:
            leave = self.machine.paused if pausing else self.machine.failed
            for effect in leave(RequestError(error.code, error.message)):
                if isinstance(effect, Say):
                    self._hands.say(self.transfer, effect.message, None)
        self.end(error)

    @abstractmethod
    def may_go_on(self, error: CnMessageError) -> bool:
        """Whether the same call may go on, later, after this side has failed like this."""

    def perform(self, now: float, effects: Iterable[Effect]) -> None:
        """Carry out what the machine wants."""
        for effect in effects:
            match effect:
                case Say(message):
                    self._hands.say(self.transfer, message, None)
                case Reopen():
                    self.reopen = True
                case Ended(result, error):
                    self.over(now, result, error)
                case _:
                    self.carry_out(effect)

    @abstractmethod
    def carry_out(self, effect: Effect) -> None:
        """What only one of the two directions knows."""

    def over(self, _now: float, _result: Kept | Opened | None, error: CnMessageError | None) -> None:
        """The machine says that it is over."""
        if error is not None and error.code is ErrorCode.UNREACHABLE:
            text = f"{error.message}; what was transferred is kept, and the same call goes on from there"
            error = CnMessageError(error.code, text)
        self.end(error)

    def end(self, error: CnMessageError | None) -> None:
        """It has ended, well or with an error."""
        self.ended, self.error = True, error
        self.reported(0.0)

    # -- progress ---------------------------------------------------------------------------------

    @property
    @abstractmethod
    def phase(self) -> Phase:
        """What it is doing, in the word that progress has for it."""

    @property
    @abstractmethod
    def done(self) -> int:
        """How many bytes have moved."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many bytes there are, 0 while that is unknown."""

    @property
    @abstractmethod
    def file(self) -> bytes | None:
        """The file's id, once it is known."""

    def reported(self, now: float) -> None:
        """Tell how far it is, if there is news and it is time."""
        phase: Phase = self.phase if not self.ended else "done" if self.error is None else "failed"
        before, at = self._reported
        if phase == before and now - at < REPORT_EVERY:
            return
        self._reported = phase, now
        file = None if self.file is None else id_text(self.file)
        self._report(
            TransferProgress(self.name, file, phase, self.done, self.size, self.started_at or 0, self.error)
        )
