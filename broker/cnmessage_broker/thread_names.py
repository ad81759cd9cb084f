"""Threads under the names that this program has for them, in `top -H`, `perf` and /proc; Linux only."""

import contextlib
import threading
from pathlib import Path

_LONGEST = 15
"""Bytes of a name that Linux keeps."""


def show_name() -> None:
    """Call this thread there what Python calls it. The first thread keeps the program's name."""
    name = threading.current_thread().name.encode()[:_LONGEST]
    with contextlib.suppress(OSError):  # another system, or no /proc
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_bytes(name)
