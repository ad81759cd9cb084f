"""What a session wants done: the effects that a client's connection carries out."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from cnmessage_protocol.deliveries import FileState, OfferState
from cnmessage_protocol.errors import RequestError
from cnmessage_protocol.machines.inbox import HandOver
from cnmessage_protocol.machines.sendqueue import Outcome
from cnmessage_protocol.machines.states import State
from cnmessage_protocol.requests import Request


class OpenLink(Struct, frozen=True):
    """Open a fresh request socket to the broker."""


class CloseLink(Struct, frozen=True):
    """Close the request and delivery sockets; with `flush`, what was just sent may still leave."""

    flush: bool = False


class Transmit(Struct, frozen=True):
    """Send a request."""

    request_id: int
    request: Request


class Listen(Struct, frozen=True):
    """Subscribe to the topic on the broker's delivery port, in place of any earlier subscription.

    `offset` is added to the port of the broker's address.
    """

    offset: int
    topic: bytes
    key: bytes


class Answered(Struct, frozen=True):
    """An application's request has its checked result, or its error."""

    request_id: int
    result: Any
    error: RequestError | None


class Resolve(Struct, frozen=True):
    """These submitted messages have their outcome."""

    outcomes: Sequence[Outcome]


class StateChanged(Struct, frozen=True):
    """The session changed its state; while WAITING, `retry_in` says for how many seconds."""

    state: State
    retry_in: float = 0.0


class PresenceNews(Struct, frozen=True):
    """Other users came or went, rows `(name, online)`."""

    changes: Sequence[tuple[str, bool]]


class FileNews(Struct, frozen=True):
    """A recipient of a file of ours moved on with it."""

    news: FileState


class OfferNews(Struct, frozen=True):
    """A file that was offered, to us or by us, can be had no more, or again."""

    news: OfferState


class UnknownNews(Struct, frozen=True):
    """For the first time a delivery came of this kind, which this version does not know."""

    kind: str


class End(Struct, frozen=True):
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
    | OfferNews
    | UnknownNews
    | End
    | HandOver
)
