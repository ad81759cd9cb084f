"""A terminal that a test can look at, without a process: fed with bytes, it shows rows, looks and a cursor.

Widths of characters are those of wcwidth, or whatever a test says: real terminals disagree, too.
"""

import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple

import pyte
from wcwidth import wcwidth


class Look(NamedTuple):
    """How a cell looks."""

    colour: str
    bold: bool
    dim: bool
    reverse: bool


class _Emulator(pyte.Screen):
    def __init__(self, columns: int, rows: int, width: Callable[[str], int]) -> None:
        self._width_of = width
        self.bells = 0
        super().__init__(columns, rows)

    def draw(self, data: str) -> None:
        """As pyte does, but joiners and variation selectors stand on what is before them."""
        for character in data:
            width = self._width_of(character)
            if width > 0:
                self._place(character, width)
            elif self.cursor.x:
                row = self.buffer[self.cursor.y]
                at = self.cursor.x - 1
                while at and not row[at].data:
                    at -= 1
                row[at] = row[at]._replace(data=row[at].data + character)
            else:
                # Terminals differ about this; to one of them it may be the row above.
                raise AssertionError(f"a mark without a cell: {unicodedata.name(character, character)!r}")

    def _place(self, character: str, width: int) -> None:
        if self.cursor.x + width > self.columns:
            assert pyte.modes.DECAWM not in self.mode, "the text runs into the next row"
            self.cursor.x = self.columns - width
        row = self.buffer[self.cursor.y]
        row[self.cursor.x] = self.cursor.attrs._replace(data=character)
        for stub in range(1, width):
            row[self.cursor.x + stub] = self.cursor.attrs._replace(data="")
        self.cursor.x += width

    def select_graphic_rendition(self, *attributes: int, **kept: Any) -> None:
        """As pyte does; it knows no dim, which is told here as a background that nobody sets."""
        if attributes and 2 in attributes and 38 not in attributes and 48 not in attributes:
            super().select_graphic_rendition(*(each for each in attributes if each != 2), **kept)
            self.cursor.attrs = self.cursor.attrs._replace(bg="dim")
        else:
            super().select_graphic_rendition(*attributes, **kept)

    def bell(self, *_: Any) -> None:
        self.bells += 1


class FakeTerminal:
    """The screen of a terminal. Also a text file to write to, for what paints on standard output."""

    encoding = "utf-8"

    def __init__(self, columns: int = 80, rows: int = 24, width: Callable[[str], int] = wcwidth) -> None:
        self._screen = _Emulator(columns, rows, width)
        self._stream = pyte.Stream(self._screen)
        self.raw = ""

    def write(self, text: str) -> int:
        """Take what is written, escape sequences and all."""
        self.raw += text
        self._stream.feed(text)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return True

    @property
    def columns(self) -> int:
        return int(self._screen.columns)

    @property
    def height(self) -> int:
        return int(self._screen.lines)

    def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(rows, columns)

    @property
    def rows(self) -> list[str]:
        """The rows, without blanks at their ends."""
        return ["".join(cell.data for cell in self._cells(row)).rstrip() for row in range(self.height)]

    @property
    def cell_rows(self) -> list[list[str]]:
        """What is in each cell; nothing in the second one of a wide character."""
        return [[cell.data for cell in self._cells(row)] for row in range(self.height)]

    @property
    def text(self) -> str:
        return "\n".join(self.rows)

    @property
    def cursor(self) -> tuple[int, int]:
        """Column and row, from 0."""
        return self._screen.cursor.x, self._screen.cursor.y

    @property
    def bells(self) -> int:
        return self._screen.bells

    def look(self, column: int, row: int) -> Look:
        """How a cell looks."""
        cell = self._screen.buffer[row][column]
        return Look(cell.fg, cell.bold, cell.bg == "dim", cell.reverse)

    def look_of(self, text: str) -> Look:
        """How the first cell of a text looks that is on the screen once."""
        places = [(row.index(text), number) for number, row in enumerate(self.rows) if text in row]
        assert len(places) == 1, f"{text!r} is shown {len(places)} times:\n{self.text}"
        column, row = places[0]
        return self.look(column, row)

    def _cells(self, row: int) -> list[Any]:
        return [self._screen.buffer[row][column] for column in range(self.columns)]
