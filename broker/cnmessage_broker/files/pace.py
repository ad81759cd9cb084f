"""Machine: how fast files may move: as fast as they can, and gently while people talk.

Both need the same disk and processor, so a message that meets a file at full speed waits for it
(docs/adr/0011). Takes the time and when the last message was stored; must know no transfer.
"""

from collections.abc import Callable

from cnmessage_protocol.files.channel import CHUNK, FIRST_CHUNK

MEMORY = 1.0
"""Seconds after a message for which files stay gentle: as long as people talk, somebody writes again soon."""

GENTLE_RATE = 16 << 20
"""Bytes a second, of all transfers together, while people talk."""

GENTLE_CHUNK = 1 << 16
"""Bytes in a chunk then: what a message may have to wait for."""

GENTLE_TURN = 0.002
"""Seconds that the file thread listens at a time then."""

GENTLE_REST = 3.0
"""How many times as long as it worked the file thread rests then."""

_LONGEST = 0.02
"""Most seconds that one turn is waited for. Chunks that were on their way before are larger; they go soon."""


class Pace:
    """`talked_at` tells when the last message was stored, on the clock of every `now` here."""

    def __init__(self, talked_at: Callable[[], float]) -> None:
        self._talked_at = talked_at
        self._free_at = 0.0

    def gentle(self, now: float) -> bool:
        """Whether people talk."""
        return now < self._talked_at() + MEMORY

    def chunk(self, now: float, going: int) -> int:
        """Most bytes that a chunk should have while so many files move.

        Each has its chunk in turn, so all get the same; and all windows together hold little more than one.
        """
        share = max(FIRST_CHUNK, CHUNK // max(1, going))
        return min(GENTLE_CHUNK, share) if self.gentle(now) else share

    def moved(self, now: float, size: int) -> None:
        """So many bytes came or went just now."""
        if size and self.gentle(now):
            self._free_at = max(now, self._free_at) + min(size / GENTLE_RATE, _LONGEST)

    def worked(self, now: float, seconds: float) -> None:
        """So long was worked until now: whatever it was, it needed what people's messages need."""
        if self.gentle(now):
            self._free_at = max(self._free_at, now + min(seconds * GENTLE_REST, _LONGEST))

    def wait(self, now: float) -> float:
        """Seconds for which no more bytes should move."""
        return max(0.0, self._free_at - now) if self.gentle(now) else 0.0
