"""A disk that a test can make slow or stuck.

A real SQLite on a real file system, whose syncs wait at a gate.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import apsw


class Disk:
    """The gate: `stick` and syncs wait, `free` and they go on. `waiting` is released by each that waits."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self.waiting = threading.Semaphore(0)
        self.each = 0.0
        """Seconds that a sync takes even when it is free."""

    def stick(self) -> None:
        """From now on nothing comes on the disk."""
        self._open.clear()

    def free(self) -> None:
        """It does again."""
        self._open.set()

    def pass_through(self) -> None:
        """What a sync does first."""
        if not self._open.is_set():
            self.waiting.release()
            self._open.wait()
        if self.each:
            threading.Event().wait(self.each)


@contextmanager
def stuck_disk() -> Iterator[Disk]:
    """All databases of this process that are opened in here are on such a disk; it is free at first."""
    disk = Disk()

    class GatedFile(apsw.VFSFile):
        def __init__(self, name: apsw.URIFilename | str | None, flags: list[int]) -> None:
            super().__init__("unix", name, flags)

        def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
            disk.pass_through()
            super().xSync(flags)

    class GatedFiles(apsw.VFS):
        def __init__(self) -> None:
            super().__init__("gated", "unix", makedefault=True)

        def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> GatedFile:  # noqa: N802
            return GatedFile(name, flags)

    files = GatedFiles()
    try:
        yield disk
    finally:
        disk.free()
        files.unregister()
