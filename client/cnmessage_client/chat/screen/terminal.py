"""The output to the terminal of the full screen, proof against terminals that count cells otherwise than we.

Terminals disagree about the width of emoji, of ambiguous characters, of what the latest Unicode has
brought. The library moves the cursor by differences, so that one such character would shift what is drawn
after it, also in other rows. Here columns are absolute: what differs stays in its own row.
"""

from collections.abc import Mapping
from types import MappingProxyType

from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.utils import get_cwidth

from cnmessage_client.chat.screen.cells import picture_of

_DISPUTED = 0x2600
"""From here on characters are often drawn wider or narrower; below, marks on a character may be."""

_AGREED = (range(0x2E80, 0xE000), range(0x20000, 0x40000))
"""East Asian characters: two cells, everywhere."""


FOCUS: Mapping[str, bool] = MappingProxyType({"I": True, "O": False})
"""How the sequence ends that a terminal sends, ESC [ before it, when it has got the focus or lost it."""


class SteadyOutput(Vt100_Output):
    """Writes as its parent does, but says for every movement which column is meant."""

    _column = 0

    def write(self, data: str) -> None:
        """Text, of which the library hands over one character with its marks at a time, or line ends."""
        if data.isascii():
            super().write(data)
            self._column = 0 if data[-1:] in {"\r", "\n"} else self._column + len(data)
            return
        size = sum(map(get_cwidth, data))
        data = picture_of(data) or data
        disputed = len(data) > 1 or (
            ord(data) >= _DISPUTED and not any(ord(data) in each for each in _AGREED)
        )
        if disputed:  # what stood in these cells goes, whatever part of them is drawn over now
            super().write(" " * size)
            self._to_column()
        super().write(data)
        self._column += size
        if disputed:
            self._to_column()

    def cursor_up(self, amount: int) -> None:
        """Rows up, in the same column."""
        super().cursor_up(amount)
        if amount:
            self._to_column()

    def cursor_forward(self, amount: int) -> None:
        """Columns to the right."""
        self._move(amount)

    def cursor_backward(self, amount: int) -> None:
        """Columns to the left."""
        self._move(-amount)

    def cursor_goto(self, row: int = 0, column: int = 0) -> None:
        """To a place, counted from 1."""
        super().cursor_goto(row, column)
        self._column = max(0, column - 1)

    def enter_alternate_screen(self) -> None:
        """To the other screen, to its first place."""
        super().enter_alternate_screen()
        self._column = 0

    def enable_bracketed_paste(self) -> None:
        """From now on the terminal tells what is pasted, and whether it has the focus."""
        super().enable_bracketed_paste()
        self.write_raw("\x1b[?1004h")

    def disable_bracketed_paste(self) -> None:
        """The terminal is somebody else's now: it tells neither."""
        super().disable_bracketed_paste()
        self.write_raw("\x1b[?1004l")

    def _move(self, amount: int) -> None:
        if amount:
            self._column = max(0, self._column + amount)
            self._to_column()

    def _to_column(self) -> None:
        self.write_raw(f"\x1b[{self._column + 1}G")
