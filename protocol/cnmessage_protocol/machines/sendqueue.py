"""Machine: messages waiting for their acknowledgement.

One SEND is in flight at a time; whatever is queued meanwhile is the next request, so batches form by
themselves and order is kept. The copy on disk is the client's outbox.
"""

from collections import deque
from collections.abc import Iterable

from msgspec import Struct

from cnmessage_protocol.errors import BrokenAnswerError, ErrorCode, RequestError, known_code
from cnmessage_protocol.ids import ClientId, MessageId
from cnmessage_protocol.records import NewMessage
from cnmessage_protocol.results import MAX_MESSAGES, Sent
from cnmessage_protocol.trace import Trail, counted

BATCH_BYTES = 1 << 19
"""Most bytes of body in one SEND; half of what a frame may hold."""

RETRY_PAUSE = 1.0
LONGEST_PAUSE = 8.0
"""Seconds before a batch is repeated that the broker refused for the moment; twice as many each time."""

_UNTOLD = "the broker does not say what became of the message; tell whoever runs the broker"


class Acked(Struct, frozen=True):
    """The message is on the broker's disk."""

    client_id: ClientId
    id: MessageId
    seq: int
    recipients: int


class Refused(Struct, frozen=True):
    """The message will not be stored."""

    client_id: ClientId
    error: RequestError


Outcome = Acked | Refused


class SendQueue:
    """Messages in the order they were submitted."""

    def __init__(self, trail: Trail | None = None) -> None:
        self._trail = trail or Trail()
        self._waiting: deque[NewMessage] = deque()
        self._in_flight: list[NewMessage] = []
        self._handed: set[ClientId] = set()
        self._paused_until = float("-inf")
        self._pause = RETRY_PAUSE
        self.in_doubt = False
        """Whether something in flight was sent before, so that it may be stored whatever is answered now."""
        self.hindrance: RequestError | None = None
        """Why the broker does not take messages for the moment; None when it does."""

    def __len__(self) -> int:
        return len(self._waiting) + len(self._in_flight)

    @property
    def stage(self) -> str:
        """How it stands, in the words of a trail."""
        return "in flight" if self._in_flight else "waiting" if self._waiting else "idle"

    @property
    def deadline(self) -> float | None:
        """When a pause ends with something to send, or None."""
        return self._paused_until if self._waiting and not self._in_flight else None

    def submit(self, messages: Iterable[NewMessage]) -> None:
        """Put messages at the end of the queue."""
        before, count = self.stage, len(self._waiting)
        self._waiting.extend(messages)
        if self.stage != before:
            self._note(before, "submitted", len(self._waiting) - count)

    def next_batch(self, now: float) -> tuple[NewMessage, ...]:
        """The next SEND, now in flight; empty while one is, during a pause, or with nothing to do."""
        if self._in_flight or not self._waiting or now < self._paused_until:
            return ()
        size = 0
        while self._waiting and len(self._in_flight) < MAX_MESSAGES:
            size += self._waiting[0].size
            if size > BATCH_BYTES and self._in_flight:
                break
            self._in_flight.append(self._waiting.popleft())
        self.in_doubt = any(message.client_id in self._handed for message in self._in_flight)
        if self._trail.listening:
            self._note("waiting", "repeated" if self.in_doubt else "sent", len(self._in_flight))
        self._handed.update(message.client_id for message in self._in_flight)
        return tuple(self._in_flight)

    def answered(self, now: float, sent: Sent) -> list[Outcome]:
        """What the broker said of the batch in flight; what it did not name is sent again."""
        outcomes: list[Outcome] = []
        open_ids = {message.client_id: message for message in self._in_flight}
        hindrance = None
        for client_id, identity, seq, recipients in sent.acks:
            if open_ids.pop(ClientId(client_id), None) is not None:
                outcomes.append(Acked(ClientId(client_id), MessageId(identity), seq, recipients))
        for client_id, code, text in sent.refused:
            error = RequestError(known_code(code), text)
            if error.retryable:
                hindrance = error
            elif open_ids.pop(ClientId(client_id), None) is not None:
                outcomes.append(Refused(ClientId(client_id), error))
        if outcomes:
            self._pause = RETRY_PAUSE
        if open_ids:
            self._rest(now)
            hindrance = hindrance or RequestError(ErrorCode.UNREACHABLE, _UNTOLD)
        self.hindrance = hindrance
        self._put_back(list(open_ids.values()))
        self._note("in flight", "acknowledged", len(outcomes))
        if hindrance is not None:
            self._note(self.stage, "hindered", hindrance.code)
        return self._settle(outcomes)

    def failed(self, now: float, error: RequestError) -> list[Outcome]:
        """The whole batch was refused: for the moment (it is repeated) or for good.

        An answer that cannot be understood leaves it open what was stored, so the batch is repeated too.
        """
        batch, self._in_flight = self._in_flight, []
        broken = isinstance(error, BrokenAnswerError)
        if error.retryable or broken:
            self.hindrance = error
            if (
                error.code is not ErrorCode.STORAGE and not broken
            ):  # a failing disk leaves it open what it holds
                self._handed.difference_update(message.client_id for message in batch)
            self._waiting.extendleft(reversed(batch))
            self._rest(now)
            self._note("in flight", "hindered", error.code)
            return []
        self._note("in flight", "refused", error.code)
        return self._settle([Refused(message.client_id, error) for message in batch])

    def interrupted(self) -> None:
        """The link went down: the batch in flight goes out again, under the same ids."""
        self.hindrance = None  # what the broker said on that link explains nothing any more
        count = len(self._in_flight)
        self._put_back(self._in_flight)
        if count:
            self._note("in flight", "interrupted", count)

    def withdraw(self, client_id: ClientId, *, nothing_left: bool = False) -> bool:
        """Take back a message that was never handed to the link; False once it may have gone out.

        `nothing_left` says that the link never let anything out: what was handed to it is still ours.
        """
        for message in self._waiting:
            if message.client_id == client_id and (nothing_left or client_id not in self._handed):
                self._waiting.remove(message)
                return True
        return False

    def _settle(self, outcomes: list[Outcome]) -> list[Outcome]:
        self._handed.difference_update(outcome.client_id for outcome in outcomes)
        return outcomes

    def _note(self, before: str, event: str, cause: object) -> None:
        what = counted(cause, "message") if isinstance(cause, int) else cause
        self._trail.note("send queue", before, event, self.stage, what)

    def _rest(self, now: float) -> None:
        self._paused_until = now + self._pause
        self._pause = min(LONGEST_PAUSE, self._pause * 2)

    def _put_back(self, messages: list[NewMessage]) -> None:
        self._in_flight = []
        self._waiting.extendleft(reversed(messages))
