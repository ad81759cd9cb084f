"""Folders and files of this user's alone, whatever the umask; a file has its name only once it is whole.

Must not know what is in them.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_MODE = 0o600
_FOLDER_MODE = 0o700
_LONGEST = 230
"""Bytes of a name that the name beside it begins with, so that this is one, too."""

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
"""What a file system says that has no links."""


def private_folder(path: Path) -> Path:
    """Make a folder, and those above it that are missing; gives it. OSError as the disk gives it."""
    missing = []
    for each in (path, *path.parents):
        if each.is_dir():
            break
        missing.append(each)
    for each in reversed(missing):
        each.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    path.mkdir(mode=_FOLDER_MODE, exist_ok=True)  # what is no folder is an error also here
    return path


def write_private(path: Path, content: bytes, *, replace: bool = True, sync: bool = True) -> None:
    """Write a file all or nothing; without `replace`, one that came into being meanwhile stays.

    Without `sync` it may be lost, or empty, after a power cut. OSError names `path`.
    """
    try:
        _write(path, content, replace=replace, sync=sync)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write(path: Path, content: bytes, *, replace: bool, sync: bool) -> None:
    private_folder(path.parent)
    with suppress(FileExistsError), written_whole(path, replace=replace, sync=sync) as file:
        file.write(content)


@contextmanager
def written_whole(path: Path, *, replace: bool, sync: bool = True) -> Iterator[BinaryIO]:
    """A file to write, which gets its name when the block ends well, and is gone where it does not.

    Without `replace`, FileExistsError at the end for one that came into being meanwhile.
    """
    beside = os.fsdecode(os.fsencode(path.name)[:_LONGEST])
    new = path.with_name(f"{beside}.{os.urandom(8).hex()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        if replace:
            new.replace(path)
        else:
            give_name(new, path)
    finally:
        new.unlink(missing_ok=True)


def give_name(new: Path, path: Path) -> None:
    """Call a file `path` from now on; FileExistsError where something is called so, which stays."""
    try:
        os.link(new, path, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # The name is taken first, with nothing in it, and only what took it is replaced.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE))
        try:
            new.replace(path)
        except OSError:
            path.unlink(missing_ok=True)
            raise
    else:
        new.unlink()
