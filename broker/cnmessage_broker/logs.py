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
from cnmessage_protocol.trace import Trace, Transition

LINES = (100, 1.0)
"""Lines of one kind of event: at once, and a second after that."""


class Bounded:
    """A processor that lets so many events of a kind pass; the next one tells how many were left out.

    The transitions of each machine are a kind of their own.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._budget: Budget[str] = Budget(*LINES)
        self._left_out: Counter[str] = Counter()

    def __call__(self, _: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """The event, or DropEvent."""
        kind, now = f"{event.get('event')} {event.get('machine', '')}", self._monotonic()
        if self._budget.wait(kind, now) > 0:
            self._left_out[kind] += 1
            raise structlog.DropEvent
        self._budget.spend(kind, now)
        if left_out := self._left_out.pop(kind, 0):
            event["left_out"] = left_out
        return event


def transitions(log: structlog.typing.FilteringBoundLogger) -> Trace:
    """Writes each transition to the log; its event is called `step` there, for `event` is the log's own."""

    def write(transition: Transition) -> None:
        fields = {name: word for name, word in transition.as_json().items() if word}
        log.debug("transition", step=fields.pop("event"), **fields)

    return write


KEY_SHORT = 8
"""Letters of a public key that tell its machines in the log of transitions."""


def configure(log_format: str, *, debug: bool = False) -> None:
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
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if debug else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
