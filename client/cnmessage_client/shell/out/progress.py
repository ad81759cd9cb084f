"""How far files have come, as this run shows it: bars on a terminal, few lines elsewhere, events with --json.

The host of a command chooses one. All but the JSON events goes to stderr. Knows no client: what happens
comes in through `moved`, on one thread. rich is imported only where a person looks.
"""

import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Protocol, Self

from cnmessage_client.model import TransferProgress
from cnmessage_client.shell.out.render import Renderer, in_units
from cnmessage_client.shell.out.safe_text import safe_text
from cnmessage_client.shell.signals import around_stops
from cnmessage_protocol.errors import ErrorCode

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

EVENT_PAUSE = 0.2
"""Seconds between two JSON events of one file, unless its phase changes."""

LINE_PAUSE = 1.0
"""Seconds between two lines about one file, unless it begins."""

STEP = 10
"""Per cent between two lines about one file."""

_SHOWN = 8
"""With up to so many files each has a bar all the time; with more, only those that move."""

_SHOW, _HIDE = b"\x1b[?25h", b"\x1b[?25l"
"""What makes the cursor of a terminal seen, and not."""

_WIDTH = 20
_BAR = 12
"""With the other columns they fit into a terminal of 80."""

_MOVING = {"sending", "receiving", "verifying"}
_ENDED = {"done", "failed"}
_STATES = {ErrorCode.INTERRUPTED: "stopped", ErrorCode.EXISTS: "exists"}
"""How a bar says that nothing has failed: it goes on later, or is left out."""


class ProgressView(Protocol):
    """What shows progress; a context manager, because bars must be taken down."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def moved(self, key: str, progress: TransferProgress) -> None:
        """The file known as `key` is now so far."""


class Nothing:
    """For --quiet."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to take down."""

    def moved(self, key: str, progress: TransferProgress) -> None:
        """Show nothing."""


class Events(Nothing):
    """JSON Lines on stdout, `{"progress": {"name", "phase", "done", "size"}}`."""

    def __init__(self, renderer: Renderer, clock: Callable[[], float] = time.monotonic) -> None:
        self._renderer = renderer
        self._clock = clock
        self._last: dict[str, tuple[str, float]] = {}

    def moved(self, key: str, progress: TransferProgress) -> None:
        """One event, or none if the last was just now."""
        now = self._clock()
        phase, at = self._last.get(key, ("", 0.0))
        if phase == progress.phase and now < at + EVENT_PAUSE:
            return
        self._last[key] = (progress.phase, now)
        values = {
            "name": progress.name,
            "phase": progress.phase,
            "done": progress.done,
            "size": progress.size,
        }
        with suppress(OSError):  # the record of what became of it will notice
            self._renderer.record({"progress": values})


class Lines(Nothing):
    """A line when a file begins, at each tenth of a long one, and when a long one is verified."""

    def __init__(self, renderer: Renderer, verb: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._renderer = renderer
        self._verb = verb
        self._clock = clock
        self._last: dict[str, tuple[str, int, float]] = {}

    def moved(self, key: str, progress: TransferProgress) -> None:
        """A line, if it is time for one; the record or the error that follows tells the end."""
        if progress.phase not in _MOVING:
            return
        now, step = self._clock(), _per_cent(progress.done, progress.size) // STEP
        last = self._last.get(key)
        if last is None and progress.phase == "verifying" and 0 < progress.size <= progress.started_at:
            text = f"verifying {progress.name}, {in_units(progress.size)}"
        elif last is None:
            text = f"{self._verb} {progress.name}, {in_units(progress.size)}{_resumed(progress)}"
        elif now < last[2] + LINE_PAUSE or last[:2] == (progress.phase, step):
            return
        elif progress.phase == "verifying":
            text = f"verifying {progress.name}"
        else:
            text = f"{progress.name}: {step * STEP} %"
        self._last[key] = (progress.phase, step, now)
        self._renderer.note(safe_text(text))


class Bars(Nothing):
    """One line a file and, if there are several, one for all above them; on the terminal of this process."""

    def __init__(self, renderer: Renderer, count: int) -> None:
        self._renderer = renderer
        self._progress = _bars()
        self._aside = ExitStack()
        self._count = count
        self._tasks: dict[str, TaskID] = {}
        self._latest: dict[str, TransferProgress] = {}
        self._total = self._progress.add_task("total", total=None, state="", visible=count > 1)

    def __enter__(self) -> Self:
        self._aside.enter_context(around_stops(lambda: _cursor(_SHOW), lambda: _cursor(_HIDE)))
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bars as they stand."""
        self._progress.stop()
        self._aside.close()

    def moved(self, key: str, progress: TransferProgress) -> None:
        """Move this file's bar."""
        before = self._latest.get(key)
        self._latest[key] = progress
        if before is None:
            self._tasks[key] = self._progress.add_task(
                _short(progress.name), start=False, total=progress.size, state=""
            )
        task, error = self._tasks[key], progress.error
        if progress.phase in _MOVING and (before is None or before.phase not in _MOVING):
            # What was there before must not count as speed.
            self._progress.reset(task, total=progress.size, completed=progress.started_at, state="")
            if text := _resumed(progress):
                self._renderer.note(safe_text(f"{progress.name}{text}"))
        self._progress.update(
            task,
            description=_short(progress.name),
            total=progress.size,
            completed=progress.done,
            state=progress.phase if error is None else _STATES.get(error.code, progress.phase),
            visible=self._count <= _SHOWN or progress.phase in _MOVING,
        )
        if progress.phase in _ENDED:
            self._progress.stop_task(task)
        self._sum()

    def _sum(self) -> None:
        every = self._latest.values()
        ended = sum(each.phase in _ENDED for each in every)
        self._progress.update(
            self._total,
            total=sum(each.size - each.started_at for each in every),
            completed=sum(max(0, each.done - each.started_at) for each in every),
            state=f"{ended} of {self._count}",
        )


def _cursor(sequence: bytes) -> None:
    """Past rich, which may be in the middle of a write."""
    with suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), sequence)


def _bars() -> "Progress":
    from rich.console import Console  # noqa: PLC0415 - 60 ms that scripts and one-liners spare
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text  # noqa: PLC0415

    class Rate(ProgressColumn):
        """Bytes a second in the units of the sizes; rich's own has others."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{in_units(int(speed))}/s")

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=_BAR),
        DownloadColumn(binary_units=True),
        Rate(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[state]}", markup=False),
        console=Console(stderr=True, no_color="NO_COLOR" in os.environ, highlight=False),
        refresh_per_second=8,
        # Records on a terminal go above the bars; in a pipe they must stay on stdout.
        redirect_stdout=sys.stdout.isatty(),
    )


def _per_cent(done: int, size: int) -> int:
    return 100 if size <= 0 else done * 100 // size


def _resumed(progress: TransferProgress) -> str:
    if not 0 < progress.started_at < progress.size:
        return ""
    return f", going on from {in_units(progress.started_at)}"


def _short(name: str) -> str:
    shown = safe_text(name)
    return shown if len(shown) <= _WIDTH else f"{shown[: _WIDTH - 1]}…"
