"""What is written leaves for the disk while more comes, so that the sync at the end has little left to do.

Linux begins to write pages out when told that they are not needed soon (posix_fadvise, mm/fadvise.c); it does
not wait, and pages on their way stay in the cache. Elsewhere nothing changes. Must not know what is written.
"""

import os

PIECE = 8 << 20
"""Bytes that leave at once."""


class Writeback:
    """The bytes of one file from `place` on leave in pieces."""

    def __init__(self, descriptor: int, place: int) -> None:
        self._descriptor = descriptor
        self._left = place

    def written(self, upto: int) -> None:
        """Everything before `upto` is written. OSError as from the disk."""
        if upto - self._left >= PIECE:
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(self._descriptor, self._left, upto - self._left, os.POSIX_FADV_DONTNEED)
            self._left = upto

    def left_to_the_system(self, upto: int) -> None:
        """Everything before `upto` is written, and need not leave early."""
        self._left = upto
