"""How much a talk keeps, in one record: what comes from outside must not fill the memory.

Knows none of the machines that keep it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most of each; the oldest goes first."""

    entries: int = 2000
    """Entries that a view holds."""
    text: int = 1 << 22
    """Characters in them: many long messages must not fill the memory."""
    views: int = 50
    """Conversations kept besides home; the one that was not used for longest goes first."""
    page: int = 50
    """Earlier messages that are asked for at once."""
    seqs: int = 2000
    """Unread messages remembered for each conversation. Beyond, the read mark stays below them for good: the
    next start shows them again."""
    peers: int = 1000
    """Conversations whose unread messages are remembered."""
    held: int = 2000
    """Messages that wait for the connection; when there are more, they are shown before the line that counts
    them."""
    watched: int = 200
    """Own messages that are asked about until somebody has them."""
    failed: int = 200
    """Own messages kept for another try."""
    keys: int = 4096
    """Own keys recognised in copies that come late."""


BOUNDS = Bounds()
"""What a chat of everyday has."""
