"""Which rows of a view are on the screen: the last ones, or those where somebody reads further up.

Pure, but for a cache of drawn rows. The place of who reads is held at an entry, not at a number, so that
neither new lines below nor earlier ones above move it.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import date

from cnmessage_client.chat.screen.cells import Row
from cnmessage_client.chat.screen.drawing import day_rule
from cnmessage_client.chat.talk.entries import Entry, Preview, Said

MOST_ROWS = 600
"""Rows that are kept drawn, beyond those of entries that are on the screen."""

Draw = Callable[[Entry, int], list[Row]]
"""Draws an entry for a width."""


class Drawn:
    """Rows that were drawn, by entry and width; the ones that were not used for long are dropped."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._kept: OrderedDict[int, tuple[Entry, int, list[Row], int]] = OrderedDict()
        self._count = 0
        self._turn = 0

    def rows(self, entry: Entry, width: int) -> list[Row]:
        """The rows of an entry."""
        kept = self._kept.pop(id(entry), None)
        if kept is not None and kept[0] is entry and kept[1] == width:
            rows = kept[2]
        else:
            rows = self._draw(entry, width)
            self._count += len(rows) - (0 if kept is None else len(kept[2]))
        self._kept[id(entry)] = (entry, width, rows, self._turn)
        return rows

    def trim(self) -> None:
        """Drop what is too much, but nothing that was used since the last call: that is on the screen."""
        while self._count > MOST_ROWS:
            oldest, (_, _, rows, turn) = next(iter(self._kept.items()))
            if turn == self._turn:
                break
            del self._kept[oldest]
            self._count -= len(rows)
        self._turn += 1

    def forget(self) -> None:
        """Draw everything anew."""
        self._kept.clear()
        self._count = 0

    def __len__(self) -> int:
        return self._count


class Scrollback:
    """The window over a view. `today` tells the day, for rules above messages of another one.

    A place in a view is that of an entry, with how many rows of its block stand from there to its end:
    a rule that appears above it does not move that.
    """

    def __init__(self, drawn: Drawn, today: Callable[[], date]) -> None:
        self._drawn = drawn
        self._today = today
        self._anchor: Entry | None = None
        self._back = 0
        self._width = self._height = 1
        self.below = 0
        """Entries that came while somebody reads further up."""

    @property
    def at_end(self) -> bool:
        """Whether the last rows are shown, and go on being shown."""
        return self._anchor is None

    def came(self) -> None:
        """An entry was added at the end."""
        if not self.at_end:
            self.below += 1

    def to_top_of(self, entry: Entry) -> None:
        """This came, and is read from its top, unless somebody reads elsewhere."""
        if self.at_end:
            self._anchor, self._back = entry, len(self._drawn.rows(entry, self._width))

    def to_end(self) -> None:
        """Show the last rows."""
        self._anchor, self._back, self.below = None, 0, 0

    def visible(self, entries: Sequence[Entry], width: int, height: int) -> list[Row]:
        """At most `height` rows to be shown now."""
        self._width, self._height = width, height
        self._settle(entries)
        rows = self._from(entries, *self._top(entries))
        self._drawn.trim()
        return rows[:height]

    def up(self, entries: Sequence[Entry]) -> bool:
        """One screen up; False when the oldest row was shown already."""
        place, back = self._top(entries)
        if place == 0 and back == self._size(entries, 0):
            return False
        left = max(1, self._height - 1)  # one row is seen twice
        while place > 0 and back + left > self._size(entries, place):
            left -= self._size(entries, place) - back
            place, back = place - 1, 0
        self._anchor, self._back = entries[place], min(back + left, self._size(entries, place))
        return True

    def down(self, entries: Sequence[Entry]) -> None:
        """One screen down, or to the end."""
        if self.at_end:
            return
        place, back = self._top(entries)
        left = max(1, self._height - 1)
        while place < len(entries) - 1 and back <= left:
            left -= back
            place += 1
            back = self._size(entries, place)
        if entries:
            self._anchor, self._back = entries[place], max(1, back - left)
        self._settle(entries)

    def _settle(self, entries: Sequence[Entry]) -> None:
        """Go on at the end when nothing is below the screen."""
        if not self.at_end and len(self._from(entries, *self._top(entries))) <= self._height:
            self.to_end()

    def _top(self, entries: Sequence[Entry]) -> tuple[int, int]:
        """The place of the screen's top row."""
        places = range(len(entries) - 1, -1, -1)
        if self._anchor is not None:
            for place in places:
                if _same(entries[place], self._anchor):
                    return place, min(self._back, self._size(entries, place))
        else:
            missing = self._height
            for place in places:
                size = self._size(entries, place)
                if size >= missing:
                    return place, missing
                missing -= size
        return 0, self._size(entries, 0)  # all is seen, or what was read was dropped with the oldest

    def _from(self, entries: Sequence[Entry], place: int, back: int) -> list[Row]:
        """Rows from a place on; one more than fits if there are more."""
        rows = self._block(entries, place)[-back:][: self._height + 1] if entries else []
        for later in range(place + 1, len(entries)):
            if len(rows) > self._height:
                break
            rows += self._block(entries, later)[: self._height + 1 - len(rows)]
        return rows

    def _size(self, entries: Sequence[Entry], place: int) -> int:
        return len(self._block(entries, place)) if entries else 0

    def _block(self, entries: Sequence[Entry], place: int) -> list[Row]:
        """The rows of an entry, below the rule of its day if it needs one."""
        rows = self._drawn.rows(entries[place], self._width)
        rule = day_rule(entries, place, self._today())
        return rows if rule is None else [*self._drawn.rows(rule, self._width), *rows]


def _same(one: Entry, other: Entry) -> bool:
    """Whether it is the same entry, perhaps with another mark."""
    match one, other:
        case (Said(key=key), Said(key=known)):
            return key == known
        case (Preview(), Preview()):
            return (one.first or one.said.key) == (other.first or other.said.key)
        case _:
            return one is other
