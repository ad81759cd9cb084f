"""Text that a person names to be read: within a bound, as UTF-8, without a byte order mark before it.

Nothing else of it is altered. Knows no command, and not what the text is for.
"""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from typing import BinaryIO

from cnmessage_client.shell.settings import usage
from cnmessage_client.shell.streams import unreadable
from cnmessage_protocol.errors import CnMessageError, ErrorCode

_UNCOUNTED = len(BOM_UTF8) + len("\n") + 1


def read_all(source: BinaryIO, place: str, most: int) -> str:
    """All that comes. TOO_LARGE as soon as there are more than `most` bytes: it may have no end.

    A byte order mark and a newline at the end are not counted; one byte more is left to who knows the limit.
    `place` is what a person calls the source. USAGE for what is no text, UNREADABLE for what cannot be read.
    """
    try:
        data = source.read(most + _UNCOUNTED)
    except OSError as error:
        raise unreadable(place, error) from error
    if len(data) == most + _UNCOUNTED:
        raise CnMessageError(ErrorCode.TOO_LARGE, f"{place} holds more than {most} bytes")
    return _text(data, place)


def read_lines(source: BinaryIO, place: str, count: int, most: int) -> list[str]:
    """The first `count` lines, or fewer, without their ends; what is behind them is not read.

    USAGE for a line of more than `most` bytes, which may have no end; else as `read_all`.
    """
    lines: list[str] = []
    while len(lines) < count:
        try:
            line = source.readline(most + 3)
        except OSError as error:
            raise unreadable(place, error) from error
        if not line:
            break
        if len(line) > most + 2:
            raise usage(f"line {len(lines) + 1} of {place} is longer than {most} bytes")
        text = _text(line, place) if not lines else _decoded(line, place)
        lines.append(text.removesuffix("\n").removesuffix("\r"))
    return lines


def _text(data: bytes, place: str) -> str:
    return _decoded(data.removeprefix(BOM_UTF8), place)


def _decoded(data: bytes, place: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        other = data.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
        advice = " but UTF-16; save it as UTF-8" if other else "; save it as UTF-8, or convert it with iconv"
        raise usage(f"{place} is not UTF-8 text{advice}") from error
