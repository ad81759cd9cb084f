"""A file that stands where a download would put its own: perhaps it is that file, from an earlier run.

Read and hashed slice by slice, never written. Must know no socket and no part.
"""

import os
import stat
from pathlib import Path
from typing import Self

from cnmessage_client.transfer.digest import RunningDigest
from cnmessage_client.transfer.part import make_like
from cnmessage_protocol.files.channel import Opened


class Present:
    """The file at `path`, open for reading; `size` bytes of it are to be hashed. A context manager."""

    def __init__(self, path: Path, descriptor: int, size: int) -> None:
        self.path = path
        self.size = size
        self._descriptor = descriptor
        self._hash = RunningDigest()
        self._whole = True

    @classmethod
    def at(cls, path: Path) -> Self | None:
        """What is at `path`, if it is a regular file, no link, that can be read."""
        try:
            # Not blocking: to open a pipe nobody writes to would wait for ever.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        facts = os.fstat(descriptor)
        if stat.S_ISREG(facts.st_mode):
            return cls(path, descriptor, facts.st_size)
        os.close(descriptor)
        return None

    @property
    def hashed(self) -> bool:
        """Whether its digest is known, or that it cannot be."""
        return not self._whole or self._hash.place >= self.size

    def hash_more(self) -> None:
        """Hash another slice; one that gets shorter meanwhile, or cannot be read, is another file."""
        try:
            self._whole = self._hash.advance(self._descriptor, self.size)
        except OSError:
            self._whole = False

    def digest(self) -> str:
        """Its SHA-256 in hexadecimal, empty if it cannot be read; hashes what is not hashed yet."""
        while not self.hashed:
            self.hash_more()
        return self._hash.digest().hex() if self._whole else ""

    def make_like(self, like: Opened) -> None:
        """Make it as old, and executable, as its sender's was; somebody else's file stays as it is."""
        make_like(self._descriptor, like)

    def close(self) -> None:
        """Release it."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
