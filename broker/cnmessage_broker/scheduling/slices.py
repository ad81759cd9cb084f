"""A SEND whose messages are stored in slices, because all at once they would make everybody wait.

A thousand broadcasts are a million inbox rows. Each slice is a step of its own in the fair queue; the request
is answered once, when the last one is on disk or has been refused. After a refusal nothing of what follows is
stored, so the sender's order holds.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from cnmessage_broker.scheduling.asker import Origin
from cnmessage_protocol.errors import RequestError
from cnmessage_protocol.records import NewMessage
from cnmessage_protocol.requests import Send
from cnmessage_protocol.results import Sent

SLICE = 200
"""Most inbox rows of one slice, but for a single message with more."""


@dataclass(slots=True, eq=False)
class Slices:
    """The request of `origin`, whose sender connected from `address`; `body` is its frame."""

    origin: Origin
    address: str
    body: bytes
    messages: tuple[NewMessage, ...]
    sender: int | None = None
    """The account that the first slice was stored for."""
    _place: int = 0
    _open: int = 0
    _acks: list[tuple[bytes, bytes, int, int]] = field(default_factory=list)
    _refused: list[tuple[bytes, str, str]] = field(default_factory=list)
    _error: RequestError | None = None

    @property
    def size(self) -> int:
        """About how many bytes of the frame wait still."""
        waiting = len(self.messages) - self._place
        return len(self.body) * waiting // max(1, len(self.messages))

    def next(self, rows_of: Callable[[NewMessage], int]) -> Send:
        """The next slice, on its way from now on; `rows_of` a message are the inbox rows it will be."""
        start, rows = self._place, 0
        while self._place < len(self.messages):
            rows += rows_of(self.messages[self._place])
            if rows > SLICE and self._place > start:
                break
            self._place += 1
        self._open += 1
        return Send(self.messages[start : self._place])

    def stored(self, sent: Sent) -> None:
        """A slice is on disk, but for messages that were refused for good."""
        self._open -= 1
        self._acks += sent.acks
        self._refused += sent.refused

    def refused(self, error: RequestError) -> None:
        """A slice was not stored; what follows it will not be either."""
        self._open -= 1
        self._error = self._error or error

    @property
    def waiting(self) -> bool:
        """Whether there is another slice to store."""
        return self._error is None and self._place < len(self.messages)

    @property
    def outcome(self) -> Sent | RequestError | None:
        """The answer; None while something is still on its way to the disk."""
        if self.waiting or self._open:
            return None
        if self._error is not None:
            if not self._acks and not self._refused:
                return self._error
            known = {each[0] for each in (*self._acks, *self._refused)}
            code, text = str(self._error.code), self._error.message
            self._refused += [
                (new.client_id, code, text) for new in self.messages if new.client_id not in known
            ]
        return Sent(tuple(self._acks), tuple(self._refused))


@dataclass(frozen=True, slots=True)
class SliceTicket:
    """An answer that goes into a request stored in slices."""

    slices: Slices
