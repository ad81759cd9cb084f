"""A file that a person names to be read: it may be a pipe that nobody writes into, or have no end.

Must not know what stands in it.
"""

import errno
import os
import select
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


class Named(click.Path):
    """As click's, but an empty word, as of a variable that is not set, does not mean this directory."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Check it, or fail."""
        if value == "":
            self.fail("it is empty; name a path", parameter, context)
        return super().convert(value, parameter, context)


def read_beginning(path: Path, most: int, enough: Callable[[bytes], bool], seconds: float) -> bytes:
    """What it begins with: all of it, or `most` bytes, or so much as is `enough`.

    OSError for what cannot be read; a TimeoutError for a pipe or terminal that does not bring it in time.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        until, data, waited = time.monotonic() + seconds, b"", False
        pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
        ready = select.poll()
        ready.register(file, select.POLLIN)
        while len(data) < most and not enough(data):
            piece = file.read(most - len(data))
            if piece == b"" and (data or waited or not pipe):
                break
            data += piece or b""
            if not piece:  # whoever writes into a pipe may not have come yet
                waited = bool(ready.poll(max(0.0, until - time.monotonic()) * 1000))
                if not waited:
                    raise TimeoutError(errno.ETIMEDOUT, f"nothing more came within {seconds:g} s")
    return data
