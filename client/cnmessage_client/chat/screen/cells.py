"""Text into the cells of a terminal: how wide it is, and rows that are never wider than there is room.

Pure. Wide characters take two cells, combining marks and joiners none, as the library that paints the
screen counts them. Takes text that safe_text has cleaned.
"""

import re
from collections.abc import Iterable, Iterator

from prompt_toolkit.utils import get_cwidth

Fragment = tuple[str, str]
"""A look and a text."""

Row = list[Fragment]

MOST_MARKS = 6
"""Marks on one character. Scripts need fewer; hundreds would tower over the rows above and below."""

_TAB = "    "
_BLANKS = {"\t": _TAB, "\xa0": " "}
"""A blank that does not break would be painted as something special."""

_PICTURE = "\u00a9\u00ae\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_LOOKS = "\ufe0f?[\U0001f3fb-\U0001f3ff]?"
_JOINED = re.compile(
    f"[{_PICTURE}]{_LOOKS}(?:\u200d[{_PICTURE}]{_LOOKS}){{1,8}}"  # families, professions, flags of some kinds
    "|[\U0001f000-\U0001faff][\U0001f3fb-\U0001f3ff]"  # of a colour
    "|[\U0001f1e6-\U0001f1ff]{2}"  # flags of countries
)
"""Several characters that are one picture, of two cells."""

_FIRST_STAND_IN, _STAND_INS = 0x3F000, 0x800
"""Characters that nobody has, each of two cells: within the screen, one stands for each joined picture."""

_JOINERS = {"\u200c", "\u200d"}
_EMOJI_LOOK = "\ufe0f"
_NO_BASE = "\u25cc"
_WORDS = re.compile(r" +|[^ ]+")


def cells(text: str) -> int:
    """How many cells a text takes."""
    return len(text) if text.isascii() else sum(map(get_cwidth, text))


class _Pictures:
    """Joined pictures that were met, and the character that stands for each; when full, others fall apart."""

    def __init__(self) -> None:
        self._stand_ins: dict[str, str] = {}
        self._pictures: dict[str, str] = {}

    def stand_in(self, picture: str) -> str:
        """The one character for it."""
        if picture not in self._stand_ins:
            if len(self._stand_ins) == _STAND_INS:
                return picture
            character = chr(_FIRST_STAND_IN + len(self._stand_ins))
            self._stand_ins[picture], self._pictures[character] = character, picture
        return self._stand_ins[picture]

    def picture(self, character: str) -> str | None:
        """What it stands for, if it stands for a picture."""
        return self._pictures.get(character)


_PICTURES = _Pictures()


def picture_of(character: str) -> str | None:
    """The joined picture for which a character of a tamed text stands; it is to be written in its place."""
    return _PICTURES.picture(character)


def tame(line: str) -> str:
    """The text of one line, so that every terminal takes as many cells for it as we think.

    Tabs become spaces. Joined pictures become one character each, of two cells (`picture_of`); of others the
    selector goes that makes a narrow one wide, because terminals disagree about the room it takes. A mark
    without a character to stand on gets a circle for one.
    """
    if line.isascii():
        return line.replace("\t", _TAB)
    kept: list[str] = []
    base, marks = " ", 0
    line = "".join(each for each in line if not 0 <= ord(each) - _FIRST_STAND_IN < _STAND_INS)
    for character in _JOINED.sub(lambda found: _PICTURES.stand_in(found[0]), line):
        width = get_cwidth(character)
        if character in _BLANKS:
            kept.append(_BLANKS[character])
            base, marks = " ", 0
        elif width > 0:
            kept.append(character)
            base, marks = character, 0
        elif character == _EMOJI_LOOK or (character in _JOINERS and (base == " " or get_cwidth(base) > 1)):
            continue
        elif marks < MOST_MARKS:
            if base == " ":
                kept.append(_NO_BASE)
                base = _NO_BASE
            kept.append(character)
            marks += 1
    return "".join(kept)


def cut(text: str, width: int) -> str:
    """The beginning of a text that fits; if not all does, with … at its end."""
    if cells(text) <= width:
        return text
    kept, used = [], 0
    for cluster, size in _clusters(text):
        if used + size > width - 1:
            break
        kept.append(cluster)
        used += size
    return "".join(kept) + "…" if width > 0 else ""


def cut_left(text: str, width: int) -> str:
    """The end of a text that fits; if not all does, with … before it."""
    if cells(text) <= width:
        return text
    kept, used = [], 0
    for cluster, size in reversed(list(_clusters(text))):
        if used + size > width - 1:
            break
        kept.append(cluster)
        used += size
    return "…" + "".join(reversed(kept)) if width > 0 else ""


def wrap(fragments: Iterable[Fragment], width: int, indent: int, mark: Fragment = ("", "")) -> list[Row]:
    """Rows of one line, broken between words where that is possible; all but the first are indented.

    Spaces at which a row breaks are left out. `mark` comes last and is not broken.
    """
    filling = _Filling(width, min(indent, max(0, width - 2)))
    for style, text in fragments:
        size = cells(text)
        if filling.fits(size):
            if text:
                filling.put(style, text, size)
            continue
        for word in _WORDS.findall(text):
            filling.add(style, word, cells(word))
    if mark[1]:
        filling.add("", " ", 1)
        filling.add(*mark, cells(mark[1]))
    return filling.rows


class _Filling:
    """The rows so far, of which the last is being filled."""

    def __init__(self, width: int, indent: int) -> None:
        self.rows: list[Row] = [[]]
        self._width, self._indent = width, indent
        self._used = 0

    def fits(self, size: int) -> bool:
        return self._used + size <= self._width

    def put(self, style: str, text: str, size: int) -> None:
        self.rows[-1].append((style, text))
        self._used += size

    def add(self, style: str, word: str, size: int) -> None:
        """Put a word, or the spaces between two, where there is room."""
        if self.fits(size):
            self.put(style, word, size)
        elif word[0] == " ":
            self._used = self._width  # here the row breaks
        elif size <= self._width - self._indent:
            self._break()
            self.put(style, word, size)
        else:
            self._split(style, word)

    def _split(self, style: str, word: str) -> None:
        """A word longer than a row, from where we are."""
        part: list[str] = []
        used = 0
        for cluster, size in _clusters(word):
            if not self.fits(used + size):
                self._put_part(style, part, used)
                part, used = [], 0
                if self._used > self._indent or len(self.rows) == 1:
                    self._break()
                if not self.fits(size):
                    continue  # a wide character where there is one column at all
            part.append(cluster)
            used += size
        self._put_part(style, part, used)

    def _put_part(self, style: str, part: list[str], used: int) -> None:
        if part:
            self.put(style, "".join(part), used)

    def _break(self) -> None:
        self.rows.append([("", " " * self._indent)] if self._indent else [])
        self._used = self._indent


def _clusters(text: str) -> Iterator[tuple[str, int]]:
    """Characters with the marks that stand on them, and their widths."""
    cluster, size = "", 0
    for character in text:
        width = get_cwidth(character)
        if width > 0 and cluster:
            yield cluster, size
            cluster, size = "", 0
        cluster += character
        size += width
    if cluster:
        yield cluster, size
