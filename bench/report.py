"""What was measured, what it must be, and how both are printed and written."""

import os
import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import apsw
import zmq

from bench.chat import ChatFigures

RATIO_TARGET = 0.4
"""Least part of the bare loop's rate, lists of 1, that the product must reach."""

FILE_RATIO_TARGET = 0.7
"""Least part of the bare file loop's rate that uploads and downloads must reach."""

LATENCY_TARGET = 2.0
"""How many times the idle broker's p99 a message may take while files move."""

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
class FileRates:
    """MiB per second of a file of `mib` MiB, all rounds; `scp` is empty where there was no sshd."""

    mib: int
    upload: list[float] = field(default_factory=list)
    download: list[float] = field(default_factory=list)
    bare_upload: list[float] = field(default_factory=list)
    bare_download: list[float] = field(default_factory=list)
    scp: list[float] = field(default_factory=list)
    loaded_p50_ms: float = 0.0
    loaded_p99_ms: float = 0.0

    @property
    def ratios(self) -> tuple[float, float]:
        """Upload and download to the bare loop."""
        return (
            statistics.median(self.upload) / statistics.median(self.bare_upload),
            statistics.median(self.download) / statistics.median(self.bare_download),
        )

    def missed(self, idle_p99_ms: float) -> list[str]:
        """Which required figures were not reached."""
        found = [
            f"the {name}'s ratio to the bare file loop is {ratio:.2f}, must be at least {FILE_RATIO_TARGET}"
            for name, ratio in zip(("upload", "download"), self.ratios, strict=True)
            if ratio < FILE_RATIO_TARGET
        ]
        if self.scp and min(map(statistics.median, (self.upload, self.download))) < statistics.median(
            self.scp
        ):
            found.append("scp is faster")
        if self.loaded_p99_ms > LATENCY_TARGET * idle_p99_ms:
            found.append(
                f"a message's p99 is {self.loaded_p99_ms / idle_p99_ms:.1f} times the idle one while a file "
                f"moves, must be at most {LATENCY_TARGET:g}"
            )
        return found

    def lines(self, idle_p99_ms: float) -> list[str]:
        """For a person."""
        up, down = self.ratios
        slower = self.loaded_p99_ms / idle_p99_ms
        rows = [
            ("product, upload", self.upload),
            ("bare loop, upload", self.bare_upload),
            ("product, download", self.download),
            ("bare loop, download", self.bare_download),
            *([("scp, whole process", self.scp)] if self.scp else []),
        ]
        return [
            "",
            f"A file of {self.mib} MiB on loopback, MiB per second, median and spread (on disk at the end):",
            *(
                f"  {name:<42}{statistics.median(rates):>9,.0f}     ({min(rates):,.0f} to {max(rates):,.0f})"
                for name, rates in rows
            ),
            *([] if self.scp else ["  scp: no sshd on this machine to compare with"]),
            f"  {'upload : bare loop':<42}{up:>11.2f}   (at least {FILE_RATIO_TARGET})",
            f"  {'download : bare loop':<42}{down:>11.2f}   (at least {FILE_RATIO_TARGET})",
            f"  {'send to shown while a file moves, median':<42}{self.loaded_p50_ms:>8.2f} ms",
            f"  {'the same, 99 of 100':<42}{self.loaded_p99_ms:>8.2f} ms",
            f"  {'that : idle broker':<42}{slower:>11.2f}   (at most {LATENCY_TARGET:g})",
        ]


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
    files: FileRates
    chat: ChatFigures
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
        return [*found, *self.files.missed(self.latency_p99_ms), *self.chat.missed()]

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
            *self.files.lines(self.latency_p99_ms),
            *self.chat.lines(),
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
