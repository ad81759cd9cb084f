"""Files that get their name only when they are whole and on the disk: written beside it, synced, renamed.

So whoever opens the name finds what was there before or what is there now, whatever fails in between. A
killed process leaves `NAME.new`, which the next one that writes the file takes over. Must not know what is in
them.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PRIVATE = 0o600
"""Mode of what is written, whatever the umask."""

_BESIDE = ("-journal", "-wal", "-shm")
"""What SQLite puts beside a file, should it fail with it."""


@contextmanager
def replaced(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """The name of an empty file to fill, which then replaces `path`; nothing is left of it if that fails.

    Without `sync` it may be lost, or empty, after a power cut. OSError as the disk gives it; EBUSY while
    another process writes the file.
    """
    new = path.with_name(f"{path.name}.new")
    lock = _locked(new)
    try:
        yield new
        if sync:
            to_disk(new)
        new.replace(path)
        if sync:
            to_disk(path.parent)
    except BaseException:
        for each in (new, *(new.with_name(new.name + ending) for ending in _BESIDE)):
            each.unlink(missing_ok=True)
        raise
    finally:
        os.close(lock)


def write(path: Path, content: bytes, *, sync: bool = True) -> None:
    """Replace what `path` holds, as `replaced` does."""
    with replaced(path, sync=sync) as new, new.open("wb") as file:
        file.write(content)


def to_disk(path: Path) -> None:
    """Bring a file's bytes to the disk, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _locked(new: Path) -> int:
    """A descriptor of a file of this name with nothing in it, which nobody else writes."""
    while True:
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, new):
                os.fchmod(descriptor, PRIVATE)
                os.ftruncate(descriptor, 0)
                return descriptor
        except BlockingIOError as error:
            os.close(descriptor)
            raise OSError(errno.EBUSY, "another program writes it at this moment", str(new)) from error
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # whoever wrote it has finished meanwhile: it has its own name now


def _is_at(descriptor: int, path: Path) -> bool:
    mine = os.fstat(descriptor)
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)
