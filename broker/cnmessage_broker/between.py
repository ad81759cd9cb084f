"""What passes between the reactor and the file thread: frozen messages, through a queue each way.

The two share nothing else. The file thread asks (may this be uploaded, may that be fetched, write down that
it is complete) and the reactor, which alone has the store, answers by ticket or tells what has ended.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from cnmessage_protocol.errors import RequestError
from cnmessage_protocol.files.channel import Get, Kept, Noted, Opened, Put
from cnmessage_protocol.requests import Request
from cnmessage_protocol.results import Sent

Item = TypeVar("Item")

NO_TICKET = 0
"""For what wants no answer."""


# -- what the file thread asks: requests of a caller, checked by the dispatcher like any other -----


class Begin(Request, frozen=True):
    """A client wants to upload; answered with Begun, or Kept when the file is complete already."""

    VERB: ClassVar[str] = "begin upload"
    RESULT: ClassVar[type[Any]] = Kept
    upload: bytes
    put: Put


class Complete(Request, frozen=True):
    """All bytes of an upload are on disk under this digest; answered with Sent once its message is stored."""

    VERB: ClassVar[str] = "complete upload"
    RESULT: ClassVar[type[Any]] = Sent
    file: bytes
    sha256: bytes


class Open(Request, frozen=True):
    """A client wants to fetch a file from an offset on; answered with Ready."""

    VERB: ClassVar[str] = "open file"
    RESULT: ClassVar[type[Any]] = Opened
    file: bytes
    get: Get


class Progress(Request, frozen=True):
    """A download of `account` has come so far; with `paused` it has stopped there for now. No answer.

    Its device may be nobody's by then, or another's: it was logged out.
    """

    VERB: ClassVar[str] = "progress"
    RESULT: ClassVar[type[Any]] = Noted
    file: bytes
    account: int
    offset: int
    paused: bool = False


class Finished(Request, frozen=True):
    """A client has fetched a file whole, or gave its download up; answered with Noted."""

    VERB: ClassVar[str] = "finish fetch"
    RESULT: ClassVar[type[Any]] = Noted
    file: bytes
    whole: bool


class Crowded(Request, frozen=True):
    """A client was refused one more transfer. No answer: it has it already, the log has not."""

    VERB: ClassVar[str] = "transfer"
    RESULT: ClassVar[type[Any]] = Noted


class Unused(Request, frozen=True):
    """A blob may be of no use: an upload of this digest ended before it was recorded. No answer."""

    VERB: ClassVar[str] = "unused"
    RESULT: ClassVar[type[Any]] = Noted
    sha256: bytes


# -- what the reactor answers and tells --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begun:
    """The upload of `account` may go on; its bytes are kept under the file's id."""

    file: bytes
    size: int
    account: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The file may be fetched by `account`; `opened` is what its client is told."""

    opened: Opened
    account: int


@dataclass(frozen=True, slots=True)
class FileRequest:
    """A request of the device `key` at `address`; its answer comes under `ticket`."""

    ticket: int
    key: str
    address: str
    request: Request


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """The answer to a FileRequest."""

    ticket: int
    result: Any
    error: RequestError | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """This file has ended: its transfers stop with `error`, its unfinished bytes go.

    With an `account` it has ended for this one only: its downloads stop.
    """

    file: bytes
    error: RequestError
    account: int | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """No file needs the blob of this digest any more."""

    sha256: bytes


@dataclass(frozen=True, slots=True)
class Unbound:
    """This device was logged out: its transfers stop."""

    key: str


News = FileAnswer | Gone | Release | Unbound


class Lane(Generic[Item]):
    """One direction. `wake` makes the other side look; it is set when that side is built."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self.wake: Callable[[], None] = _nobody

    def put(self, item: Item) -> None:
        """Hand something over; safe from any thread."""
        self._items.append(item)
        self.wake()

    def take(self) -> Iterator[Item]:
        """What has been handed over so far."""
        for _ in range(len(self._items)):
            yield self._items.popleft()


class Lanes:
    """Both directions. `talked_at`: when the reactor last stored a message, on its monotonic clock;
    `pressed`: memory is short.
    """

    def __init__(self) -> None:
        self.talked_at = float("-inf")
        self.pressed = False
        self.to_reactor: Lane[FileRequest] = Lane()
        self.to_files: Lane[News] = Lane()


def _nobody() -> None: ...
