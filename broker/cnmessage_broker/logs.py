"""The structured log: one event a line on stderr, as text for people or JSON for machines.

Of each kind of event only so many lines are written: what peers do must not fill the disk or hide the rest.
"""

import logging
import sys
import time
from collections import Counter
from collections.abc import Callable

import structlog

from cnmessage_broker.limits import Budget

LINES = (100, 1.0)
"""Lines of one kind of event: at once, and a second after that."""


class Bounded:
    """A processor that lets so many events of a kind pass; the next one tells how many were left out."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._budget: Budget[str] = Budget(*LINES)
        self._left_out: Counter[str] = Counter()

    def __call__(self, _: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """The event, or DropEvent."""
        kind, now = str(event.get("event")), self._monotonic()
        if self._budget.wait(kind, now) > 0:
            self._left_out[kind] += 1
            raise structlog.DropEvent
        self._budget.spend(kind, now)
        if left_out := self._left_out.pop(kind, 0):
            event["left_out"] = left_out
        return event


def configure(log_format: str, *, verbose: bool = False) -> None:
    """Set structlog up for this process."""
    processors: list[structlog.typing.Processor] = [
        Bounded(),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if log_format == "json":
        processors += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        processors.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()))
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
