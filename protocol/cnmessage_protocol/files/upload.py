"""Machine: a client's upload of one file. Must know neither its bytes nor a socket."""

from cnmessage_protocol.errors import ErrorCode, ProtocolError, RequestError
from cnmessage_protocol.files.channel import Credit, FileMessage, Finish, Granted, Kept, Pause, Put, Stop
from cnmessage_protocol.files.flows import Outflow, window_of
from cnmessage_protocol.files.transfer import (
    SILENCE,
    UPLOADING,
    Effect,
    Ended,
    Patience,
    Phase,
    Say,
    SeekTo,
    Step,
    next_phase,
    waited,
)
from cnmessage_protocol.trace import Trail

MAX_RESTARTS = 2
"""How often an upload may begin anew because what arrived was not what was sent."""


class Upload:
    """A client's upload. `limit`: seconds without progress after which it pauses."""

    def __init__(self, put: Put, now: float, limit: float, trail: Trail | None = None) -> None:
        self._trail = trail or Trail()
        self.put = put
        self.phase = Phase.ASKING
        self.flow = Outflow(put.size)
        self.confirmed = 0
        self.file: bytes | None = None
        self._patience = Patience.of(now, limit, put.size)
        self._furthest = 0
        self._granted_to = -1
        self._asked_at = now
        self._sha256 = b""
        self._restarts = 0
        self._unanswered = 0

    def begin(self) -> list[Effect]:
        """The first word."""
        return self._ask()

    def received(self, now: float, message: FileMessage) -> list[Effect]:
        """The broker said something."""
        before = self.phase
        effects = self._take(message)
        # Unless bytes are moving a word is enough: the broker hashes what it has, or brings it to its disk.
        self._patience.heard(now, progress=self.phase is not Phase.MOVING or self.phase is not before)
        self._advance(now)
        if self.phase is not before:
            self._asked_at = now
        return effects

    def _take(self, message: FileMessage) -> list[Effect]:
        match message:
            case _ if self.phase is Phase.ENDED:
                return []
            case Granted(file, offset, upto):
                return self._granted(file, offset, upto)
            case Credit(upto, chunk):
                self.flow.credited(upto, chunk)
                self.confirmed = max(self.confirmed, min(upto, self.flow.size) - window_of(chunk))
                return []
            case Kept():
                self._move(Step.KEPT)
                self.confirmed = self.flow.size
                return [Ended(message)]
            case Stop(code) if code == ErrorCode.NOT_ATTACHED:
                # Said of every chunk that was under way; asking once is enough.
                if self.phase is Phase.ASKING:
                    return []
                self._patience.sent_back()
                return self._ask_again(ErrorCode.NOT_ATTACHED)
            case Stop(code) if code == ErrorCode.SHUTDOWN:
                self._move(Step.LOST, code)  # it is asked again once the link has broken
                self._unanswered = 0
                return []
            case Stop():
                self._move(Step.STOPPED, message.error.code)
                return [Ended(None, message.error)]
            case _:
                raise ProtocolError(f"'{message.VERB}' has no place in an upload")

    def _granted(self, file: bytes, offset: int, upto: int) -> list[Effect]:
        if self._unanswered > 0:
            self._unanswered -= 1
            if self.phase is not Phase.ASKING:
                return []  # the late answer to a question said twice; what went out since is on its way
        if self.phase is Phase.FINISHING and offset == 0 and self.flow.size:
            self._restarts += 1
            if self._restarts > MAX_RESTARTS:
                text = "what arrived is not what was sent, again and again; is the file being changed?"
                return self.failed(RequestError(ErrorCode.INTEGRITY, text))
        if offset <= self._granted_to:
            self._patience.sent_back()
        self._granted_to = max(self._granted_to, offset)
        self._move(Step.GRANTED, f"offset {offset}")
        self.file = file
        self.flow.granted(offset, upto)
        self.confirmed = offset
        return [SeekTo(offset)]

    def next_chunk(self) -> tuple[int, int] | None:
        """Place and length of the chunk to send now, which then counts as sent."""
        if self.phase is not Phase.MOVING:
            return None
        length = self.flow.next_length()
        if length == 0:
            return None
        offset = self.flow.offset
        self.flow.offset += length
        return offset, length

    def sent(self, now: float) -> None:
        """The chunk has left."""
        self._patience.heard(now, progress=False)
        self._advance(now)

    def hashed(self, now: float) -> None:
        """A part of the file was hashed."""
        self._patience.worked(now)

    @property
    def all_sent(self) -> bool:
        """Whether it is time to `finish`."""
        return self.phase is Phase.MOVING and self.flow.complete

    def finish(self, now: float, sha256: bytes) -> list[Effect]:
        """All bytes went out and have this digest."""
        self._move(Step.ALL_SENT)
        self._patience.heard(now, progress=True)
        self._asked_at, self._sha256 = now, sha256
        return [Say(Finish(sha256))]

    def failed(self, error: RequestError) -> list[Effect]:
        """This side can never go on: the broker removes what it has."""
        return self._leave(Stop(str(error.code)), error)

    def paused(self, error: RequestError) -> list[Effect]:
        """This side stops for now: the broker keeps what it has."""
        return self._leave(Pause(), error)

    def _leave(self, word: Pause | Stop, error: RequestError) -> list[Effect]:
        if self.phase is Phase.ENDED:
            return []
        self._move(Step.STOPPED, error.code)
        return [Say(word), Ended(None, error)]

    def lost(self, now: float) -> list[Effect]:
        """The link broke; on the fresh one the broker is asked where to go on."""
        if self.phase is Phase.ENDED:
            return []
        self._patience.heard(now, progress=False)
        self._asked_at = now
        self._unanswered = 0
        return self._ask_again("link")

    def _advance(self, now: float) -> None:
        """Progress is what was sent for the first time, and what may be."""
        size = self.flow.size
        self._furthest = max(self._furthest, self.flow.offset + min(self.flow.upto, size))
        self._patience.reached(now, self._furthest, 2 * size)

    def _ask_again(self, cause: object) -> list[Effect]:
        self._move(Step.LOST, cause)
        return self._ask()

    def _ask(self) -> list[Effect]:
        self._unanswered += 1
        return [Say(self.put)]

    def tick(self, now: float) -> list[Effect]:
        """Time passed."""
        if self.phase is Phase.ENDED:
            return []
        effects = waited(self._patience, now)
        if any(isinstance(each, Ended) for each in effects):
            self._move(Step.STOPPED, "no progress")
        if not effects and self._repeat_at <= now:
            self._asked_at = now
            return self._ask() if self.phase is Phase.ASKING else [Say(Finish(self._sha256))]
        return effects

    @property
    def deadline(self) -> float:
        """When `tick` has something to do."""
        return min(self._patience.deadline, self._repeat_at)

    @property
    def _repeat_at(self) -> float:
        """When to ask once more: signs of life keep the link, so a question that was lost needs this."""
        waiting = self.phase in {Phase.ASKING, Phase.FINISHING}
        return self._asked_at + SILENCE if waiting else float("inf")

    def _move(self, step: Step, cause: object = "") -> None:
        before = self.phase
        self.phase = next_phase(UPLOADING, before, step)
        self._trail.note("upload", before, step, self.phase, cause)
