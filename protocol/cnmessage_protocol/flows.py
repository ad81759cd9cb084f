"""Machines: the flow of one file's bytes, seen by the side that sends and by the side that receives.

Credit is absolute and counts from what the receiver has written: `upto` = written + window. So a cut costs no
more than one window, and neither side ever holds a byte here. Used by upload.py, download.py and the broker.
"""

from dataclasses import dataclass

from cnmessage_protocol.errors import ProtocolError
from cnmessage_protocol.filechannel import CHUNK, FIRST_CHUNK, WINDOW_CHUNKS


@dataclass(slots=True)
class Outflow:
    """The sending side: what may go out next."""

    size: int
    offset: int = 0
    upto: int = 0
    chunk: int = CHUNK

    def granted(self, offset: int, upto: int) -> None:
        """Go on from `offset`; ProtocolError for a place outside the file."""
        if not 0 <= offset <= self.size:
            raise ProtocolError(f"there is no offset {offset} in a file of {self.size} bytes")
        self.offset, self.upto = offset, upto

    def credited(self, upto: int, chunk: int) -> None:
        """The receiver takes more; an old credit that comes late changes nothing."""
        self.upto = max(self.upto, upto)
        self.chunk = min(chunk, CHUNK)

    def next_length(self) -> int:
        """Length of the chunk at `offset` that may go now; 0 when none may."""
        return max(0, min(self.chunk, self.size - self.offset, self.upto - self.offset))

    @property
    def complete(self) -> bool:
        """Whether all bytes went out."""
        return self.offset >= self.size


@dataclass(slots=True)
class Inflow:
    """The receiving side: what is written here, and what was allowed from there on."""

    size: int
    offset: int = 0
    credited: int = 0
    chunk: int = CHUNK

    def take(self, offset: int, length: int) -> bool:
        """Whether these bytes are the next ones; if so they count as written."""
        if offset != self.offset or offset + length > self.size:
            return False
        self.offset += length
        return True

    def credit(self) -> int:
        """Grant a window from what is written now: where the sender may go on to."""
        self.credited = self.offset
        return self.upto

    @property
    def credit_due(self) -> bool:
        """Whether half a window was used up since credit was granted, and more is to come."""
        return self.offset - self.credited >= self.window // 2 and not self.complete

    @property
    def window(self) -> int:
        """Bytes that may be under way: fewer while chunks are small, as on a slow line."""
        return max(WINDOW_CHUNKS * self.chunk, WINDOW_CHUNKS * FIRST_CHUNK)

    @property
    def upto(self) -> int:
        """How far the sender may go by the credit it has."""
        return min(self.size, self.credited + self.window)

    @property
    def complete(self) -> bool:
        """Whether all bytes are here."""
        return self.offset >= self.size
