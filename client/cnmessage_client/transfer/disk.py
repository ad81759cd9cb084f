"""What this computer's disk refuses, in words: what happened, where, what to do. Must know no transfer."""

import errno
import os
from pathlib import Path

from cnmessage_client.home_files import RAISE_LIMIT, TOO_MANY
from cnmessage_protocol.errors import CnMessageError, ErrorCode

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def disk_error(error: OSError, path: str | Path, *, writing: bool) -> CnMessageError:
    """The error for what the operating system said about `path` on this machine."""
    place, reason = os.fspath(path), error.strerror or str(error)
    if writing and error.errno in {errno.ENOENT, errno.ENOTDIR} and os.path.isdir(place):  # noqa: PTH112 - raises nothing; /proc is one
        text = f"no file can be made in {place}; choose another directory"
        return CnMessageError(ErrorCode.UNREADABLE, text)
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return CnMessageError(ErrorCode.NO_SUCH_FILE, f"{place} does not exist; check the path")
    if error.errno in _FORBIDDEN:
        verb, advice = (
            ("written", "choose another directory") if writing else ("read", "check its permissions")
        )
        return CnMessageError(ErrorCode.UNREADABLE, f"{place} cannot be {verb}: {reason}; {advice}")
    if error.errno in _FULL:
        text = f"no room for {place} on this machine: {reason}; make room, then the same call goes on"
        return CnMessageError(ErrorCode.STORAGE, text)
    if error.errno in TOO_MANY:
        return CnMessageError(ErrorCode.STORAGE, f"{place} cannot be opened: {reason}; {RAISE_LIMIT}")
    if error.errno == errno.ENAMETOOLONG:
        return CnMessageError(ErrorCode.USAGE, f"{place} is too long a name for this disk; choose another")
    text = f"this machine's disk failed at {place}: {reason}; check it, then the same call goes on"
    return CnMessageError(ErrorCode.STORAGE, text)


def sync_directory(path: Path) -> None:
    """Bring what a directory holds to the disk; some file systems have no such thing."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)
