"""Long lines into rows of a terminal: broken between words, and never within a character.

Pure. Terminals disagree about the room that joined emoji take: what those need that need most is counted, so
that no terminal has to break a row itself. Takes safe text.
"""

import re
from collections.abc import Iterator

_WORD = re.compile(r"(\s*)(\S+)")
_TAB = 8
_NARROWEST = 20
"""Columns below which breaking lines makes nothing easier to read."""


def wrapped(line: str, width: int, indent: int) -> str:
    """The rows of a line, all but the first indented; spaces at which a row breaks are left out.

    A long word of ASCII alone, as an address is, stays whole: whoever copies it gets it whole.
    """
    if width < _NARROWEST or (line.isascii() and len(line) <= width and "\t" not in line):
        return line
    margin = " " * indent
    rows, used = [""], 0

    def put(text: str, size: int) -> None:
        nonlocal used
        rows[-1] += text
        used += size

    def new_row() -> None:
        nonlocal used
        rows.append(margin)
        used = indent

    for gap, word in _WORD.findall(line):
        size = _cells(word)
        if used + _cells(gap) + size <= width:
            put(gap + word, _cells(gap) + size)
            continue
        fresh = rows[-1] in {"", margin}
        if word.isascii() or size <= width - indent:
            if not fresh:
                new_row()
            put(word, size)
            continue
        if used + _cells(gap) < width:
            put(gap, _cells(gap))
        for cluster in _clusters(word):
            if used + _cells(cluster) > width:
                new_row()
            put(cluster, _cells(cluster))
    return "\n".join(rows)


def _cells(text: str) -> int:
    if text.isascii():
        return len(text) + text.count("\t") * (_TAB - 1)
    from wcwidth import wcwidth  # noqa: PLC0415 - loaded for texts that need it

    return sum(max(0, wcwidth(each)) for each in text)


def _clusters(word: str) -> Iterator[str]:
    from wcwidth import iter_graphemes  # noqa: PLC0415 - as above

    return iter_graphemes(word)
