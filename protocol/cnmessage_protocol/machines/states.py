"""The states of a client session and every transition between them, in one table.

A pair that is missing here is a protocol error. docs/architecture.md draws this table.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class State(Enum):
    """Where a session stands."""

    CLOSED = "closed"
    READY = "ready"
    ATTACHING = "attaching"
    JOINING = "joining"
    CATCHING_UP = "catching up"
    LIVE = "live"
    WAITING = "waiting"


class Event(Enum):
    """What moves a session."""

    OPEN_FOR_REQUESTS = "open for requests"
    OPEN_FOR_DELIVERIES = "open for deliveries"
    ATTACHED = "attached"
    HELLO = "hello"
    CAUGHT_UP = "caught up"
    DISOWNED = "disowned"
    LOST = "lost"
    CLOSE = "close"


_UP = (State.READY, State.ATTACHING, State.JOINING, State.CATCHING_UP, State.LIVE)

TRANSITIONS: Mapping[tuple[State, Event], State] = MappingProxyType(
    {
        (State.CLOSED, Event.OPEN_FOR_REQUESTS): State.READY,
        (State.CLOSED, Event.OPEN_FOR_DELIVERIES): State.ATTACHING,
        (State.WAITING, Event.OPEN_FOR_REQUESTS): State.READY,
        (State.WAITING, Event.OPEN_FOR_DELIVERIES): State.ATTACHING,
        (State.READY, Event.OPEN_FOR_DELIVERIES): State.ATTACHING,
        (State.ATTACHING, Event.ATTACHED): State.JOINING,
        (State.JOINING, Event.HELLO): State.CATCHING_UP,
        (State.CATCHING_UP, Event.CAUGHT_UP): State.LIVE,
        (State.JOINING, Event.DISOWNED): State.ATTACHING,
        (State.CATCHING_UP, Event.DISOWNED): State.ATTACHING,
        (State.LIVE, Event.DISOWNED): State.ATTACHING,
        **{(state, Event.LOST): State.WAITING for state in _UP},
        **{(state, Event.CLOSE): State.CLOSED for state in State},
    },
)

DOWN = frozenset({State.CLOSED, State.WAITING})
"""States without a link."""

FETCHING = frozenset({State.JOINING, State.CATCHING_UP, State.LIVE})
"""States in which items may be asked for: a client fetches even when no push ever comes."""
