"""What a handler may wait for: a handler is a coroutine, and awaiting one of these gives the loop to others.

    found = await OnReader(lambda reader: reader.history(owner, query))

A handler that waits goes on with its result, on the loop's own thread; much may have happened meanwhile.
Plain values: what carries them out is tasks.py's.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.reader import Reader
from cnmessage_broker.store.ports.records import Owner

Result = TypeVar("Result")


class Wait(Generic[Result]):
    """Awaited, it goes to whoever drives the handler, who sends or throws its result."""

    __slots__ = ()

    def __await__(self) -> Generator["Wait[Result]", Any, Result]:
        """Wait for it."""
        result: Result = yield self
        return result


@dataclass(frozen=True, slots=True)
class OnReader(Wait[Result]):
    """What a page of the store says, read beside the writer."""

    job: Callable[[Reader], Result]


@dataclass(frozen=True, slots=True)
class OnWriter(Wait[Result]):
    """What the store's writer gives, after all that was handed to it before."""

    job: Callable[[Store], Result]


@dataclass(frozen=True, slots=True)
class OnHasher(Wait[Result]):
    """What a look at a password gives; RequestError when too many wait for theirs."""

    job: Callable[[], Result]


@dataclass(frozen=True, slots=True)
class Settled(Wait[None]):
    """That messages of this owner which were collected so far are on disk, or were refused by it, and what
    they have read; with `presence` also that they came or went.
    """

    owner: Owner
    presence: bool = False
