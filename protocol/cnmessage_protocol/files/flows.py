"""Machines: the flow of one file's bytes, seen by the side that sends and by the side that receives.

Credit is absolute and counts from what the receiver has written: `upto` = written + window. So a cut costs no
more than one window. Must never hold a byte, and must not know which side is the broker.
"""

from msgspec import Struct

from cnmessage_protocol.errors import ProtocolError
from cnmessage_protocol.files.channel import CHUNK, FIRST_CHUNK, WINDOW_CHUNKS, Credit

QUICK = 0.25
"""Chunks that each took less time than this let those of the next credit be twice as large."""


def window_of(chunk: int) -> int:
    """Bytes that may be under way in chunks of that size."""
    return WINDOW_CHUNKS * max(chunk, FIRST_CHUNK)


class Outflow(Struct):
    """The sending side: what may go out next."""

    size: int
    offset: int = 0
    upto: int = 0
    chunk: int = FIRST_CHUNK

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


class Inflow(Struct):
    """The receiving side: what is written here, and what was allowed from there on.

    It says how large chunks may be: small ones at first and on a slow line, so that each credit is soon used
    and shows that bytes move. `taken_at`: when the last bytes came.
    """

    size: int
    offset: int = 0
    credited: int = 0
    chunk: int = FIRST_CHUNK
    taken_at: float | None = None
    slow: bool = False

    def take(self, now: float, offset: int, length: int) -> bool:
        """Whether these bytes are the next ones; if so they count as written."""
        if offset != self.offset or offset + length > self.size:
            return False
        self.offset += length
        self.slow |= self.taken_at is not None and now - self.taken_at >= QUICK
        self.taken_at = now
        return True

    def credit(self) -> Credit:
        """Grant a window from what is written now."""
        self.credited = self.offset
        return Credit(self.upto, self.chunk)

    def more_credit(self, most: int = CHUNK) -> Credit:
        """Grant the next window: with larger chunks when all came quickly, with smaller ones when not.

        Only here: a window that grew before more was granted could not be filled, and nobody would go on.
        """
        wanted = self.chunk // 2 if self.slow else self.chunk * 2
        self.chunk = min(max(wanted, FIRST_CHUNK), most)
        self.slow = False
        return self.credit()

    @property
    def credit_due(self) -> bool:
        """Whether half a window was used up since credit was granted, and more is to come."""
        return self.offset - self.credited >= self.window // 2 and not self.complete

    @property
    def window(self) -> int:
        """Bytes that may be under way: fewer while chunks are small, as on a slow line."""
        return window_of(self.chunk)

    @property
    def upto(self) -> int:
        """How far the sender may go by the credit it has."""
        return min(self.size, self.credited + self.window)

    @property
    def complete(self) -> bool:
        """Whether all bytes are here."""
        return self.offset >= self.size
