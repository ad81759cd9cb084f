"""Fresh ids, for what this program makes: no two of them are the same, in whatever thread or process.

Must not know what they stand for.
"""

import os
import time
from collections import deque

from cnmessage_protocol.ids import uuid7

_CHANCE = 10
"""Random bytes in an id."""

_AT_ONCE = 256
"""Ids for which randomness is drawn at once: to ask the system for each costs a fifth of a sender's time."""

_drawn: deque[bytes] = deque()
os.register_at_fork(after_in_child=_drawn.clear)


def new_id() -> bytes:
    """A UUIDv7 of now."""
    return uuid7(time.time_ns() // 1_000_000, _chance())


def _chance() -> bytes:
    try:
        return _drawn.pop()  # a thread gets what no other gets
    except IndexError:
        fresh = os.urandom(_CHANCE * _AT_ONCE)
        _drawn.extend([fresh[place : place + _CHANCE] for place in range(_CHANCE, len(fresh), _CHANCE)])
        return fresh[:_CHANCE]
