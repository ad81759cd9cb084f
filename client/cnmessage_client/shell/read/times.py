"""Times as people write them: today, yesterday, 2026-03-01, 2026-03-01T09:30, 09:30, or 90s, 2h30m, 1w ago.

And spans of time, for what comes: the same 90s, 15m, 2h30m, 7d, 2w. Knows no option that takes them.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from msgspec import Struct

_UNITS = ("weeks", "days", "hours", "minutes", "seconds")
_SPAN = re.compile("(?=.)" + "".join(f"(?:(?P<{unit}>[0-9]{{1,6}}){unit[0]})?" for unit in _UNITS))
_DAYS = {"today": timedelta(), "yesterday": timedelta(days=1)}
"""Days that have a name, as long ago as this."""

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_LONGEST = timedelta(days=3650)
"""A longer span is a slip of the finger, and could end after the last year that can be shown."""


class When(Struct, frozen=True):
    """A time as it was written, which may be told from now: by the clock that it is compared with."""

    text: str

    @property
    def relative(self) -> bool:
        """Whether it depends on what time it is."""
        text = self.text.strip()
        return bool(_SPAN.fullmatch(text) or _CLOCK.fullmatch(text) or text.lower() in _DAYS)

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
                f"'{value}' is no time; write today, yesterday, 2026-03-01, '2026-03-01 09:30', 09:30, or "
                "90s, 15m, 2h30m, 3d, 1w for ago"
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
        forms = f"90s, 15m, 2h, 7d or 2w, or several (1d12h), up to {_LONGEST.days}d"
        text = f"'{value}' is no span of time; write {forms}"
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
    return timedelta(**{unit: int(number) for unit, number in match.groupdict(default="0").items()})


def parse_moment(text: str, now: datetime) -> datetime:
    """The moment `text` means at `now`; ValueError when it means none."""
    text = text.strip()
    if _SPAN.fullmatch(text):
        try:
            return now - parse_span(text)
        except OverflowError as error:
            raise ValueError("before the first year") from error
    if (ago := _DAYS.get(text.lower())) is not None:
        return now.replace(hour=0, minute=0, second=0, microsecond=0) - ago
    if clock := _CLOCK.fullmatch(text):
        return now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
    moment = datetime.fromisoformat(text)
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.astimezone()
    except (OverflowError, ValueError):  # within a day of the first year or of the last, where no message is
        return moment.replace(tzinfo=UTC)
