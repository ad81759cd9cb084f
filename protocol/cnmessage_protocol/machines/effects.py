"""What a session wants done: the effects that a client's connection carries out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cnmessage_protocol.deliveries import FileState
from cnmessage_protocol.errors import RequestError
from cnmessage_protocol.machines.inbox import HandOver
from cnmessage_protocol.machines.sendqueue import Outcome
from cnmessage_protocol.machines.states import State
from cnmessage_protocol.requests import Request


@dataclass(frozen=True, slots=True)
class OpenLink:
    """Open a fresh request socket to the broker."""


@dataclass(frozen=True, slots=True)
class CloseLink:
    """Close the request and delivery sockets; with `flush`, what was just sent may still leave."""

    flush: bool = False


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send a request."""

    request_id: int
    request: Request


@dataclass(frozen=True, slots=True)
class Listen:
    """Subscribe to the topic on the broker's delivery port, in place of any earlier subscription.

    `offset` is added to the port of the broker's address.
    """

    offset: int
    topic: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """An application's request has its checked result, or its error."""

    request_id: int
    result: Any
    error: RequestError | None


@dataclass(frozen=True, slots=True)
class Resolve:
    """These submitted messages have their outcome."""

    outcomes: Sequence[Outcome]


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The session changed its state; while WAITING, `retry_in` says for how many seconds."""

    state: State
    retry_in: float = 0.0


@dataclass(frozen=True, slots=True)
class PresenceNews:
    """Other users came or went, rows `(name, online)`."""

    changes: Sequence[tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class FileNews:
    """A recipient of a file of ours moved on with it."""

    news: FileState


@dataclass(frozen=True, slots=True)
class UnknownNews:
    """For the first time a delivery came of this kind, which this version does not know."""

    kind: str


@dataclass(frozen=True, slots=True)
class End:
    """The session cannot go on without the application: logged out, or a broker of another kind."""

    error: RequestError


Effect = (
    OpenLink
    | CloseLink
    | Transmit
    | Listen
    | Answered
    | Resolve
    | StateChanged
    | PresenceNews
    | FileNews
    | UnknownNews
    | End
    | HandOver
)
