"""What was measured, what it must be, and how both are printed and written."""

import os
import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import apsw
import zmq

RATIO_TARGET = 0.4
"""Least part of the bare loop's rate, lists of 1, that the product must reach."""

WHOAMI_TARGET_MS = 200.0
_WHOAMI_LIMIT = f"under {WHOAMI_TARGET_MS:.0f} ms"


@dataclass(frozen=True, slots=True)
class Rates:
    """Messages per second of several rounds of the same kind."""

    name: str
    rounds: list[float]

    @property
    def median(self) -> float:
        """The figure that counts."""
        return statistics.median(self.rounds)

    def line(self) -> str:
        """Name, median, lowest and highest."""
        low, high = min(self.rounds), max(self.rounds)
        return f"  {self.name:<42}{self.median:>9,.0f}/s   ({low:,.0f} to {high:,.0f})"


@dataclass(slots=True)
class Report:
    """All figures of one run of the benchmark."""

    product: Rates
    bare: Rates
    bare_lists: Rates
    list_size: int
    latency_p50_ms: float
    latency_p99_ms: float
    whoami_ms: float
    python_ms: float
    machine: dict[str, Any]

    @property
    def ratio(self) -> float:
        """Product to bare loop with lists of 1."""
        return self.product.median / self.bare.median

    @property
    def ratio_lists(self) -> float:
        """Product to bare loop with lists of the size that the product's client forms."""
        return self.product.median / self.bare_lists.median

    def missed(self) -> list[str]:
        """Which required figures were not reached."""
        found = []
        if self.ratio < RATIO_TARGET:
            found.append(f"ratio to the bare loop is {self.ratio:.2f}, must be at least {RATIO_TARGET}")
        if self.whoami_ms > WHOAMI_TARGET_MS:
            found.append(f"whoami takes {self.whoami_ms:.0f} ms, must be under {WHOAMI_TARGET_MS:.0f}")
        return found

    def lines(self) -> Sequence[str]:
        """The report for a person."""
        return [
            "",
            "Delivered messages per second, median and spread (one sender, one receiver, 2,000 in flight,",
            "CURVE, sealed, fsync before the acknowledgement, bodies of 120 bytes):",
            *(each.line() for each in (self.product, self.bare, self.bare_lists)),
            f"  {'product : bare loop, lists of 1':<42}{self.ratio:>11.2f}   (at least {RATIO_TARGET})",
            f"  {f'product : bare loop, lists of {self.list_size}':<42}{self.ratio_lists:>11.2f}",
            "",
            f"  {'send to shown, idle broker, median':<42}{self.latency_p50_ms:>8.2f} ms",
            f"  {'the same, 99 of 100':<42}{self.latency_p99_ms:>8.2f} ms",
            f"  {'cnmessage whoami, whole process':<42}{self.whoami_ms:>8.0f} ms   ({_WHOAMI_LIMIT})",
            f"  {'python doing nothing, whole process':<42}{self.python_ms:>8.0f} ms",
        ]

    def as_json(self) -> dict[str, Any]:
        """The report for a program."""
        return {**asdict(self), "ratio": self.ratio, "ratio_lists": self.ratio_lists, "missed": self.missed()}


def machine() -> dict[str, Any]:
    """What it was measured on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cores": cores,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libzmq": zmq.zmq_version(),
        "pyzmq": zmq.pyzmq_version(),
        "sqlite": apsw.sqlite_lib_version(),
        "event_loop": "uvloop" if _has_uvloop() else "asyncio",
    }


def machine_line() -> str:
    """The same for a person."""
    return ", ".join(f"{name} {value}" for name, value in machine().items())


def _has_uvloop() -> bool:
    try:
        import uvloop  # noqa: F401, PLC0415
    except ImportError:
        return False
    return sys.implementation.name == "cpython"
