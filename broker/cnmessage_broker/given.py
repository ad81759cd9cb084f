"""A file that an operator names, read whole: it may be a pipe that nobody writes into, or have no end.

Must not know what stands in it.
"""

import errno
import os
import select
import stat
import time
from pathlib import Path

MOST = 1 << 20
"""Bytes; more than any settings or key."""

PATIENCE = 10.0
"""Seconds for a pipe to bring all of it."""


def read_whole(path: Path, *, most: int = MOST, seconds: float = PATIENCE) -> bytes:
    """All of it. OSError for what cannot be read, has more than `most` bytes, or is not whole in time."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        until, data, waited = time.monotonic() + seconds, b"", False
        pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
        ready = select.poll()
        ready.register(file, select.POLLIN)
        while len(data) <= most:
            piece = file.read(most + 1 - len(data))
            if piece == b"" and (data or waited or not pipe):
                break
            data += piece or b""
            if not piece:  # whoever writes into a pipe may not have come yet
                waited = bool(ready.poll(max(0.0, until - time.monotonic()) * 1000))
                if not waited:
                    raise TimeoutError(errno.ETIMEDOUT, f"nothing more came within {seconds:g} s")
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it holds more than {most} bytes")
    return data
