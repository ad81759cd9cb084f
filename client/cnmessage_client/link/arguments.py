"""What a caller hands to the library, checked at once: a slip of a script is named where it was made.

Every check gives the value, or raises a RequestError that names the argument. Only types and ranges that no
call could use; what the protocol allows, its records say.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from os import PathLike, fspath
from typing import Any, NoReturn

from cnmessage_client.model import LEVELS, Level
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.ids import parse_id

PathText = str | PathLike[str]


def text(name: str, value: Any) -> str:
    """A text."""
    return value if isinstance(value, str) else _wrong(name, "a text (str)", value)


def text_or_none(name: str, value: Any) -> str | None:
    """A text, or none."""
    return None if value is None else text(name, value)


def secret(name: str, value: Any) -> str:
    """A text that no error shows."""
    return value if isinstance(value, str) else _wrong(name, "a text (str)", "***")


def identity(name: str, value: Any) -> bytes:
    """An id, as bytes."""
    try:
        return parse_id(text(name, value))
    except ValueError as error:
        raise _error(f"'{name}': {error}") from error


def names(name: str, value: Any) -> list[str]:
    """One text, or a list of texts."""
    if isinstance(value, str):
        return [value]
    return [
        text(f"{name}[{at}]", each)
        for at, each in enumerate(_many(name, "a text, or a list of texts", value))
    ]


def texts(name: str, value: Any) -> list[str]:
    """A list of texts. A text alone would be taken for its letters."""
    if isinstance(value, str):
        _wrong(name, "a list of texts", value)
    return names(name, value)


def paths(name: str, value: Any) -> list[PathText]:
    """One path, or a list of paths."""
    if isinstance(value, str | PathLike):
        return [value]
    found = _many(name, "a path, or a list of paths", value)
    return [path(f"{name}[{at}]", each) for at, each in enumerate(found)]


def path(name: str, value: Any) -> PathText:
    """A path."""
    if isinstance(value, str | PathLike) and isinstance(fspath(value), str):
        return value
    return _wrong(name, "a path (str or Path)", value)


def whole(name: str, value: Any, least: int = 0) -> int:
    """A whole number, not below `least`."""
    if isinstance(value, bool) or not isinstance(value, int):
        _wrong(name, "a whole number (int)", value)
    if value < least:
        raise _error(f"'{name}' must be {least} or more, and is {value}")
    return int(value)


def whole_or_none(name: str, value: Any, least: int = 0) -> int | None:
    """A whole number, or none."""
    return None if value is None else whole(name, value, least)


def seconds(name: str, value: Any, usual: float | None = None) -> float:
    """A time to wait, in seconds, above 0; None means the usual one."""
    if value is None and usual is not None:
        return usual
    if isinstance(value, bool) or not isinstance(value, int | float):
        _wrong(name, "a number of seconds", value)
    if not value > 0:
        raise _error(f"'{name}' must be above 0 seconds, and is {value}")
    return float(value)


def time_or_none(name: str, value: Any) -> datetime | None:
    """A datetime, or none."""
    return value if value is None or isinstance(value, datetime) else _wrong(name, "a datetime", value)


def span_or_none(name: str, value: Any) -> timedelta | None:
    """A timedelta above zero, or none."""
    if value is None:
        return None
    if not isinstance(value, timedelta):
        _wrong(name, "a timedelta", value)
    if value <= timedelta():
        raise _error(f"'{name}' must be above zero, and is {value}")
    return value


def level(name: str, value: Any) -> Level:
    """One of LEVELS."""
    for each in LEVELS:
        if value == each:
            return each
    raise _error(f"'{name}' must be one of {', '.join(LEVELS)}, and is {value!r}")


def _many(name: str, wanted: str, value: Any) -> Sequence[Any]:
    if isinstance(value, bytes | bytearray | dict) or not hasattr(value, "__iter__"):
        _wrong(name, wanted, value)
    return list(value)


def _wrong(name: str, wanted: str, value: Any) -> NoReturn:
    raise _error(f"'{name}' must be {wanted}, and is {type(value).__name__}: {str(value)[:40]!r}")


def _error(what: str) -> RequestError:
    return RequestError(ErrorCode.BAD_REQUEST, what)
