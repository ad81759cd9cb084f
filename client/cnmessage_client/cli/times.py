"""Times as people write them: 2026-03-01, 2026-03-01T09:30, 09:30, or 90s, 15m, 2h, 3d for so long ago."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


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


def parse_moment(text: str, now: datetime) -> datetime:
    """The moment `text` means at `now`; ValueError when it means none."""
    text = text.strip()
    ago = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if ago:
        try:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
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
