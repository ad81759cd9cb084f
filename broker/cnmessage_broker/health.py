"""How the broker is, in a file of its data directory that is written anew every few seconds.

Whoever runs it reads that through `cnmessage-broker health`, or a monitor does. An old file says that nobody
writes it any more.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cnmessage_broker import durable

FILE = "health.json"

INTERVAL = 5.0
"""Seconds between two reports."""

_DESCRIPTORS = Path("/proc/self/fd")

STALE = 12.0
"""Seconds after which a report says nothing any more."""


@dataclass(frozen=True, slots=True)
class Health:
    """One report. `time` in seconds since 1970, memory in bytes; `troubles` is empty when all is well."""

    time: float
    process: int
    attached: int
    connections: Mapping[str, int]
    descriptors_used: int
    descriptors_limit: int
    memory_used: int
    memory_limit: int
    waiting: int
    unread: int
    troubles: list[str] = field(default_factory=list)
    host: str = ""
    port: int = 0


def write(folder: Path, health: Health) -> None:
    """Replace the report; a full disk leaves the one before, which grows old."""
    with contextlib.suppress(OSError):
        durable.write(folder / FILE, json.dumps(asdict(health)).encode(), sync=False)


def read(folder: Path) -> Health | None:
    """The last report; None if there is none that can be read."""
    try:
        return Health(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def remove(folder: Path) -> None:
    """The broker has stopped: its last report is no news."""
    with contextlib.suppress(OSError):
        (folder / FILE).unlink(missing_ok=True)


def descriptors_used(limit: int) -> int:
    """How many descriptors this process holds: `limit` if not even one is left to look; 0 if nobody tells."""
    if not _DESCRIPTORS.exists():
        return 0
    try:
        return sum(1 for _ in _DESCRIPTORS.iterdir())
    except OSError:
        return limit
