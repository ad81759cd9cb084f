"""The descriptors of the files that move: opened when bytes are read or written, closed when none are.

A transfer costs a descriptor only while its bytes flow, and all of them together never more than a few dozen:
the one least lately used makes room. So no number of silent clients takes what the disk and the links need.
For one thread. Must not know what is read or written.
"""

import errno
import os
from collections import OrderedDict
from collections.abc import Callable

MOST = 128
"""Descriptors that are open at once."""

IDLE = 10.0
"""Seconds without a byte after which one is closed."""

SHORTAGE = {errno.EMFILE, errno.ENFILE}
"""What the system says when there are no more descriptors."""


class Descriptors:
    """Each holder has at most one. `most` are open at once."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._open: OrderedDict[object, tuple[int, float]] = OrderedDict()

    def of(self, holder: object, now: float, opening: Callable[[], int]) -> int:
        """The holder's descriptor, opened if need be; good until the next call of anything here."""
        if holder in self._open:
            descriptor, _ = self._open.pop(holder)
        else:
            while len(self._open) >= self._most:
                self._close_oldest()
            descriptor = self._opened(opening)
        self._open[holder] = descriptor, now
        return descriptor

    def _opened(self, opening: Callable[[], int]) -> int:
        while True:
            try:
                return opening()
            except OSError as error:
                if error.errno not in SHORTAGE or not self._open:
                    raise
                self._close_oldest()  # somebody else needed them: one of ours will do

    def holds(self, holder: object) -> bool:
        """Whether the holder's is open."""
        return holder in self._open

    def close(self, holder: object) -> None:
        """The holder needs it no more, for now or ever."""
        if holder in self._open:
            os.close(self._open.pop(holder)[0])

    def close_idle(self, now: float) -> None:
        """Close those that were not used for a while."""
        while self._open and now - next(iter(self._open.values()))[1] >= IDLE:
            self._close_oldest()

    def _close_oldest(self) -> None:
        _, (descriptor, _) = self._open.popitem(last=False)
        os.close(descriptor)
