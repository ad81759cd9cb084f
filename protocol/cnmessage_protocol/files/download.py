"""Machine: a client's download of one file. Must know neither its bytes nor a socket."""

from typing import Self

from cnmessage_protocol.errors import ErrorCode, ProtocolError, RequestError
from cnmessage_protocol.files.channel import (
    FETCHED_CHUNK,
    Credit,
    Fetched,
    FileMessage,
    Get,
    Noted,
    Opened,
    Pause,
    Stop,
)
from cnmessage_protocol.files.flows import Inflow
from cnmessage_protocol.files.transfer import (
    DOWNLOADING,
    Effect,
    Ended,
    Keep,
    Patience,
    Phase,
    Say,
    SeekTo,
    Step,
    next_phase,
    waited,
)
from cnmessage_protocol.trace import Trail


class Download:
    """A client's download, going on at `offset` bytes that are on disk.

    `limit`: seconds without progress after which it pauses. Without `confirm` it is over when the file is
    kept, and the broker does not hear that it was fetched.
    """

    def __init__(
        self, offset: int, now: float, limit: float, *, confirm: bool = True, trail: Trail | None = None
    ) -> None:
        self._trail = trail or Trail()
        self.phase = Phase.ASKING
        self._confirm = confirm
        self.flow = Inflow(0, offset, offset)
        self.opened: Opened | None = None
        self._patience = Patience.of(now, limit)
        self._opened_at = -1

    @classmethod
    def fetched(cls, now: float, limit: float, trail: Trail | None = None) -> Self:
        """One that has only its end before it: the file was kept earlier."""
        download = cls(0, now, limit, trail=trail)
        download.phase = Phase.FINISHING
        return download

    def begin(self) -> list[Effect]:
        """The first word."""
        if self.phase is Phase.FINISHING:
            return [Say(Fetched())]
        return [Say(Get(self.flow.offset, self.flow.offset + self.flow.window, self.flow.chunk))]

    def received(self, now: float, message: FileMessage) -> list[Effect]:
        """The broker said something other than a chunk."""
        before = self.phase
        effects = self._take(message)
        self._patience.heard(now, progress=self.phase is not before)
        return effects

    def _take(self, message: FileMessage) -> list[Effect]:
        match message:
            case _ if self.phase is Phase.ENDED:
                return []
            case Opened() if self.phase in {Phase.ASKING, Phase.MOVING}:
                return self._begin(message)
            case Opened():
                return []  # a late answer to an earlier question: all is here already
            case Noted():
                self._move(Step.NOTED)
                return [Ended(self.opened)]
            case Credit():
                return []  # a sign of life
            case Stop(code) if code == ErrorCode.NOT_ATTACHED:
                if self.phase is Phase.ASKING:
                    return []
                self._patience.sent_back()
                return self._ask_again(ErrorCode.NOT_ATTACHED)
            case Stop(code) if code == ErrorCode.SHUTDOWN:
                self._move(Step.LOST, code)  # it is asked again once the link has broken
                return []
            case Stop():
                self._move(Step.STOPPED, message.error.code)
                return [Ended(None, message.error)]
            case _:
                raise ProtocolError(f"'{message.VERB}' has no place in a download")

    def _begin(self, opened: Opened) -> list[Effect]:
        if self.flow.offset > opened.size:
            raise ProtocolError("what is here already is longer than the file")
        if self.opened is not None and self.opened != opened:
            text = "the broker gives another file under the same id; tell whoever runs the broker"
            raise RequestError(ErrorCode.INTEGRITY, text)
        if self.flow.offset <= self._opened_at:
            self._patience.sent_back()
        self._opened_at = self.flow.offset
        self._move(Step.OPENED, f"offset {self.flow.offset}")
        self.opened = opened
        self.flow.size = opened.size
        # What GET granted may have been used up on an earlier link.
        return [SeekTo(self.flow.offset), *(self._whole() or [Say(self.flow.credit())])]

    def chunk(self, now: float, offset: int, length: int) -> tuple[bool, list[Effect]]:
        """Bytes came: whether to write them at `offset`, and what else to do."""
        if self.phase is not Phase.MOVING or not self.flow.take(now, offset, length):
            self._patience.heard(now, progress=False)
            return False, []
        self._patience.heard(now, progress=False)
        self._patience.reached(now, self.flow.offset, self.flow.size)
        return True, []

    def written(self) -> list[Effect]:
        """The chunk that was taken is written."""
        if self.flow.complete:
            return self._whole()
        if not self.flow.credit_due:
            return []
        return [Say(self.flow.more_credit(FETCHED_CHUNK))]

    def kept(self, now: float) -> list[Effect]:
        """The file is verified and in its place; the broker may have ended the transfer meanwhile."""
        if self.phase is Phase.ENDED:
            return []
        if not self._confirm:
            self._move(Step.STOPPED, "kept")
            return [Ended(self.opened)]
        self._move(Step.STORED)
        self._patience.worked(now)
        return [Say(Fetched())]

    def failed(self, error: RequestError) -> list[Effect]:
        """This side gives the download up: the sender sees that it failed."""
        return self._leave(Stop(str(error.code)), error)

    def paused(self, error: RequestError) -> list[Effect]:
        """This side stops for now: the sender sees a fetch that has come so far."""
        return self._leave(Pause(), error)

    def _leave(self, word: Pause | Stop, error: RequestError) -> list[Effect]:
        if self.phase is Phase.ENDED:
            return []
        self._move(Step.STOPPED, error.code)
        return [Say(word), Ended(None, error)]

    def lost(self, now: float) -> list[Effect]:
        """The link broke; on the fresh one the broker is asked to go on where the bytes here end."""
        self._patience.heard(now, progress=False)
        return [] if self.phase is Phase.ENDED else self._ask_again("link")

    def _ask_again(self, cause: object) -> list[Effect]:
        self._move(Step.LOST, cause)
        self.flow.slow = True
        match self.phase:
            case Phase.FINISHING:
                return [Say(Fetched())]
            case Phase.ASKING:
                return [Say(Get(self.flow.offset, self.flow.offset + self.flow.window, self.flow.chunk))]
            case _:
                return []

    def tick(self, now: float) -> list[Effect]:
        """Time passed."""
        if self.phase in {Phase.ENDED, Phase.VERIFYING}:
            self._patience.worked(now)
            return []
        effects = waited(self._patience, now)
        if any(isinstance(each, Ended) for each in effects):
            self._move(Step.STOPPED, "no progress")
        return effects

    @property
    def deadline(self) -> float:
        """When `tick` has something to do."""
        return self._patience.deadline

    def _whole(self) -> list[Effect]:
        if not self.flow.complete or self.opened is None or self.phase is not Phase.MOVING:
            return []
        self._move(Step.ALL_HERE)
        return [Keep(self.opened.sha256)]

    def _move(self, step: Step, cause: object = "") -> None:
        before = self.phase
        self.phase = next_phase(DOWNLOADING, before, step)
        self._trail.note("download", before, step, self.phase, cause)
