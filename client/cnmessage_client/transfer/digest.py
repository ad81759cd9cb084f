"""The SHA-256 of a file that moves: bytes are hashed as they pass, what was skipped is read from disk.

`place` only grows, so bytes that move twice are hashed once. Must not know which way the file moves.
"""

import hashlib
import os

SLICE = 1 << 20
"""Bytes hashed before other transfers get their turn."""


class RunningDigest:
    """Everything before `place` is hashed."""

    def __init__(self) -> None:
        self.place = 0
        self._hash = hashlib.sha256()

    def passed(self, offset: int, data: bytes | memoryview) -> None:
        """Bytes moved; a part of them that comes next is hashed."""
        if offset <= self.place < offset + len(data):
            self._hash.update(memoryview(data)[self.place - offset :])
            self.place = offset + len(data)

    def advance(self, descriptor: int, upto: int) -> bool:
        """Hash another slice of what lies before `upto`; False if the file ends too early."""
        data = os.pread(descriptor, min(SLICE, upto - self.place), self.place)
        self.passed(self.place, data)
        return bool(data)

    def digest(self) -> bytes:
        """Of everything before `place`."""
        return self._hash.digest()
