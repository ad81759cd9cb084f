"""Where the sections of an inbox begin and end: plain arithmetic; what they are for says migration 6.

An inbox is divided into sections of `SIZE` items. Those that are full are described in rows of their own;
what stands above the last full one is looked through.
"""

from dataclasses import dataclass

SIZE = 256
"""Items in a section. It is part of the schema: another one needs a migration."""

EVERYONE = 0
"""The peer of the conversation with everyone; accounts count from 1."""

_APART = 101
"""How far the sections of one owner begin from those of the next. Odd, so that all begin elsewhere."""


@dataclass(frozen=True, slots=True)
class Sections:
    """The sections of one owner's inbox, of `size` items each."""

    owner: int
    size: int = SIZE

    @property
    def phase(self) -> int:
        """What is added to a seq before it is divided."""
        return self.owner * _APART

    def of(self, seq: int) -> int:
        """The number of the section in which an item stands."""
        return (seq + self.phase) // self.size

    def first(self, number: int) -> int:
        """The first seq of a section; of the inbox's first one it may be less than 1."""
        return number * self.size - self.phase

    def last(self, number: int) -> int:
        """The last seq of a section."""
        return self.first(number + 1) - 1

    def full(self, head: int) -> int:
        """The last seq of the last full section of an inbox with this head."""
        return self.first(self.of(head + 1)) - 1

    def filled(self, before: int, head: int) -> range:
        """The sections that became full when an inbox grew from `before` to `head`."""
        return range(self.of(before + 1), self.of(head + 1))

    def whole(self, above: int, upto: int) -> range:
        """The sections of which all items stand above `above`, and none above `upto`."""
        first = self.of(above + 1)
        if max(self.first(first), 1) <= above:
            first += 1
        return range(first, max(first, self.of(upto + 1)))
