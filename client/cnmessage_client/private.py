"""Folders and files of this user's alone, whatever the umask; a file has its name only once it is whole.

Must not know what is in them.
"""

import os
from contextlib import suppress
from pathlib import Path

_MODE = 0o600
_FOLDER_MODE = 0o700


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
    new = path.with_name(f"{path.name}.{os.urandom(8).hex()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        if replace:
            new.replace(path)
        else:
            with suppress(FileExistsError):
                os.link(new, path)
    finally:
        new.unlink(missing_ok=True)
