"""Times as people write them: 2026-03-01, 2026-03-01T09:30, 09:30, or 90s, 15m, 2h, 3d for so long ago.

And spans of time, for what comes: the same 90s, 15m, 2h, 7d, 2w. Knows no option that takes them.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"([0-9]{1,6})([smhdw])")
_LONGEST = timedelta(days=3650)
"""A longer span is a slip of the finger, and could end after the last year that can be shown."""


class Moment(click.ParamType[datetime]):
    """A click type that gives a datetime with a zone; one without is local."""

    name = "time"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> datetime:
        """Parse, or fail with the forms that are understood."""
        if isinstance(value, datetime):
            return value
        try:
            return parse_moment(str(value), datetime.now().astimezone())
        except ValueError:
            self.fail(
                f"'{value}' is no time; write 2026-03-01, '2026-03-01 09:30', 09:30, or 15m, 2h, 3d for ago",
                parameter,
                context,
            )


class Span(click.ParamType[timedelta]):
    """A click type that gives a timedelta above zero."""

    name = "span"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> timedelta:
        """Parse, or fail with the forms that are understood."""
        if isinstance(value, timedelta):
            return value
        try:
            span = parse_span(str(value))
            if timedelta() < span <= _LONGEST:
                return span
        except ValueError:
            pass
        text = f"'{value}' is no span of time; write 90s, 15m, 2h, 7d or 2w, up to {_LONGEST.days}d"
        return self.fail(text, parameter, context)


def parse_span(text: str) -> timedelta:
    """How long `text` is; ValueError when it is no span of time."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise ValueError("no span of time")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def parse_moment(text: str, now: datetime) -> datetime:
    """The moment `text` means at `now`; ValueError when it means none."""
    text = text.strip()
    if _SPAN.fullmatch(text):
        try:
            return now - parse_span(text)
        except OverflowError as error:
            raise ValueError("before the first year") from error
    clock = re.fullmatch(r"(\d{1,2}):(\d{2})", text)
    if clock:
        return now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.astimezone()
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999") from error
