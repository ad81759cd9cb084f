"""Times as people write them: 2026-03-01, 2026-03-01T09:30, 09:30, or 90s, 15m, 2h, 3d for so long ago.

And spans of time, for what comes: the same 90s, 15m, 2h, 7d, 2w. Knows no option that takes them.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from msgspec import Struct

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"([0-9]{1,6})([smhdw])")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_LONGEST = timedelta(days=3650)
"""A longer span is a slip of the finger, and could end after the last year that can be shown."""


class When(Struct, frozen=True):
    """A time as it was written, which may be told from now: by the clock that it is compared with."""

    text: str

    @property
    def relative(self) -> bool:
        """Whether it depends on what time it is."""
        return bool(_SPAN.fullmatch(self.text.strip()) or _CLOCK.fullmatch(self.text.strip()))

    def at(self, now: datetime | None) -> datetime:
        """The moment it means at `now`, or by this machine's clock; a time without a zone is local."""
        return parse_moment(self.text, (now or datetime.now(UTC)).astimezone())


class Moment(click.ParamType[When]):
    """A click type that gives a When."""

    name = "time"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> When:
        """Take it as it is, or fail with the forms that are understood."""
        if isinstance(value, When):
            return value
        when = When(str(value))
        try:
            when.at(None)
        except ValueError:
            text = (
                f"'{value}' is no time; write 2026-03-01, '2026-03-01 09:30', 09:30, or 15m, 2h, 3d for ago"
            )
            self.fail(text, parameter, context)
        return when


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


def is_moment(text: str) -> bool:
    """Whether a time could be written so."""
    try:
        When(text).at(None)
    except ValueError:
        return False
    return True


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
    if clock := _CLOCK.fullmatch(text):
        return now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
    moment = datetime.fromisoformat(text)
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.astimezone()
    except (OverflowError, ValueError):  # within a day of the first year or of the last, where no message is
        return moment.replace(tzinfo=UTC)
