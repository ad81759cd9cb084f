"""Lines from standard input, whatever it is, without blocking the loop: a thread waits for them.

The thread ends when it is told to, also while it waits, and reads on only while there is room for more lines:
a file of any size may be fed in. Knows nothing of what lines mean.
"""

import asyncio
import os
import select
import threading
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

MOST_WAITING = 100
"""Lines that are read before anybody takes them."""

MOST_BYTES = 16 << 20
"""Bytes of one line; a longer one has no end, as /dev/zero has none."""

_CHUNK = 65536


class LineReader:
    """Reads lines of UTF-8 from a file descriptor, and tells each, and at last None, on the loop's thread.

    A byte order mark before the first line is none of its text. A line of more than `most` bytes is the end.
    """

    def __init__(
        self, descriptor: int, came: Callable[[str | None], None], *, most: int = MOST_BYTES
    ) -> None:
        self._descriptor, self._came, self._most = descriptor, came, most
        self.endless = False
        """Whether it ended at a line that was too long."""
        self.failed: OSError | None = None
        """Why no more could be read: a terminal that is gone, or a file that cannot be read."""
        self._room = threading.Semaphore(MOST_WAITING)
        self._stopped = self._paused = False
        self._wake, self._waker = -1, -1
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to read, for the loop that runs now."""
        self._loop = asyncio.get_running_loop()
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._read, name="standard input", daemon=True)
        self._thread.start()

    def taken(self) -> None:
        """Somebody has taken a line: there is room for another."""
        self._room.release()

    def stop(self) -> None:
        """Read no more; what was read and not taken is lost."""
        if self._thread is None:
            return
        self._stopped = True
        self._room.release()
        os.write(self._waker, b"x")
        self._thread.join()
        self._thread = None
        os.close(self._wake)
        os.close(self._waker)

    @contextmanager
    def pause(self) -> Iterator[None]:
        """For this time standard input is somebody else's."""
        self._paused = True
        os.write(self._waker, b"x")
        try:
            yield
        finally:
            self._paused = False
            os.write(self._waker, b"x")

    # -- on the thread ----------------------------------------------------------------------------

    def _read(self) -> None:
        rest, mark = bytearray(), BOM_UTF8
        while (chunk := self._chunk()) is not None:
            if not chunk:
                if rest := rest.removeprefix(mark):
                    self._tell(rest)
                self._tell(None)
                return
            *lines, last = chunk.split(b"\n")
            for line in lines:
                self._tell((rest + line).removeprefix(mark))
                rest.clear()
                mark = b""
            rest += last
            if len(rest) > self._most:
                self.endless = True
                self._tell(None)
                return

    def _chunk(self) -> bytes | None:
        """What comes next: nothing at the end of input, None when told to stop."""
        while not self._stopped:
            sources = [self._wake] if self._paused else [self._descriptor, self._wake]
            ready, _, _ = select.select(sources, [], [])
            if self._wake in ready:
                os.read(self._wake, 1)
            elif self._descriptor in ready:
                try:
                    return os.read(self._descriptor, _CHUNK)
                except OSError as error:
                    self.failed = error
                    return b""
        return None

    def _tell(self, line: bytes | bytearray | None) -> None:
        if line is not None and not self._stopped:
            self._room.acquire()
        if self._stopped or self._loop is None:
            return
        # What is no UTF-8 stays what it is: whoever gets the line refuses it.
        text = None if line is None else line.decode("utf-8", "surrogateescape").removesuffix("\r")
        with suppress(RuntimeError):  # the loop was closed
            self._loop.call_soon_threadsafe(self._came, text)
