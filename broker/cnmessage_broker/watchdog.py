"""Machine: how much memory the broker uses, and what follows: nothing, letting go, or a clean end to start
anew.

libzmq holds what peers send before anybody sees it, and no option of it bounds that in all. The watch over
connections (links.py) bounds each; this is for all of them together. Takes bytes; knows no queue.
"""

import contextlib
import ctypes
import os
from enum import Enum
from pathlib import Path

from cnmessage_protocol.trace import Trail

SOFT = 0.75
"""Fraction of the limit above which queues are dropped and no listeners taken."""

HARD = 0.95
"""Fraction of the limit above which the broker ends, to start anew. Nothing that matters is lost by it."""

CALM = 0.65
"""Fraction of the limit below which all is well again."""

_STATM = Path("/proc/self/statm")
_CGROUP = Path("/proc/self/cgroup")
_CGROUPS = Path("/sys/fs/cgroup")


class Pressure(Enum):
    """How short memory is."""

    NONE = "none"
    SOFT = "soft"
    HARD = "hard"


class Watchdog:
    """`limit` in bytes."""

    def __init__(self, limit: int, trail: Trail | None = None) -> None:
        self._trail = trail or Trail()
        self.limit = limit
        self.pressure = Pressure.NONE

    def look(self, used: int) -> Pressure:
        """So many bytes are in use now."""
        before = self.pressure
        if used > self.limit * HARD:
            self.pressure = Pressure.HARD
        elif used > self.limit * SOFT or (used > self.limit * CALM and self.pressure is not Pressure.NONE):
            self.pressure = Pressure.SOFT
        else:
            self.pressure = Pressure.NONE
        if self.pressure is not before:
            self._trail.note("memory", before, "look", self.pressure, f"{used >> 20} MiB")
        return self.pressure


def memory_used() -> int:
    """Bytes of this process that are in memory; 0 where the system does not tell."""
    try:
        return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def memory_there() -> int:
    """Bytes that this process may use: its control group's limit, or half of the machine's memory."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2]
    with contextlib.suppress(OSError, ValueError):
        group = _CGROUPS / _CGROUP.read_text(encoding="ascii").strip().rpartition("::")[2].lstrip("/")
        for folder in (group, *group.parents):
            with contextlib.suppress(OSError, ValueError):
                limits.append(int((folder / "memory.max").read_text(encoding="ascii")))
    return min(limits)


def give_back() -> None:
    """Give memory that is free in this process back to the system (glibc keeps it otherwise)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
