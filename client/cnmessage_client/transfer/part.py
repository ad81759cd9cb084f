"""A file being received: `.NAME.ID.part` beside its target until it is whole and verified.

Written by one download at a time (locked), never through a link, never into a file that has another name too.
What exists under the target's name stays, unless it is to be overwritten. Every error is a CnMessageError
that names the path. Must know no socket.
"""

import errno
import fcntl
import os
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from cnmessage_client.private import give_name
from cnmessage_client.transfer.digest import RunningDigest
from cnmessage_client.transfer.disk import disk_error, sync_directory
from cnmessage_client.transfer.names import part_ending, part_name
from cnmessage_client.transfer.writeback import Writeback
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.files.channel import Opened

_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MASK = threading.Lock()
"""Two that read the process's mask at once would leave it changed."""


class Part:
    """A part, open and locked; `size` bytes of it are here."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.size = os.fstat(descriptor).st_size
        self._descriptor = descriptor
        self._hash = RunningDigest()
        self._writeback = Writeback(descriptor, self.size)

    @classmethod
    def find(cls, directory: Path, file: bytes) -> Self | None:
        """What an earlier download of this file left in `directory`."""
        try:
            names = sorted(each.name for each in directory.iterdir())
        except OSError as error:
            raise disk_error(error, directory, writing=True) from error
        for name in names:
            if name.startswith(".") and name.endswith(part_ending(file)):
                descriptor = _open(directory / name, create=False)
                if descriptor is not None:
                    return cls(directory / name, descriptor)
        return None

    @classmethod
    def make(cls, directory: Path, name: str, file: bytes) -> Self:
        """A part for `name`, with nothing in it."""
        path = directory / part_name(name, file)
        while (descriptor := _open(path, create=True)) is None:
            pass  # another download finished with it at this moment
        part = cls(path, descriptor)
        part.begin_anew()
        return part

    def begin_anew(self) -> None:
        """Nothing of what is here is wanted."""
        os.ftruncate(self._descriptor, 0)
        self.size, self._hash = 0, RunningDigest()
        self._writeback = Writeback(self._descriptor, 0)

    def write(self, offset: int, data: memoryview) -> None:
        """Bytes came."""
        self._hash.passed(offset, data)
        place, rest = offset, data
        try:
            while rest:
                written = os.pwrite(self._descriptor, rest, place)
                place, rest = place + written, rest[written:]
            self._writeback.written(place)
        except OSError as error:
            raise disk_error(error, self.path, writing=True) from error
        finally:
            self.size = max(self.size, place)

    @property
    def hashed(self) -> bool:
        """Whether all that is here is hashed."""
        return self._hash.place >= self.size

    def hash_more(self) -> None:
        """Hash another slice of what an earlier download wrote."""
        try:
            if not self._hash.advance(self._descriptor, self.size):
                raise CnMessageError(
                    ErrorCode.INTEGRITY, f"something cut {self.path} short; get the file again"
                )
        except OSError as error:
            raise disk_error(error, self.path, writing=False) from error

    def keep(self, target: Path, sha256: bytes, *, overwrite: bool, like: Opened | None = None) -> None:
        """Give the whole file its name; INTEGRITY, and the end of the part, if it is another content.

        With `like` it is as old, and may be run, as on its sender's disk.
        """
        if self._hash.digest() != sha256:
            self.discard()
            text = f"what arrived is not what was sent, so {target.name} was not kept; get it again"
            raise CnMessageError(ErrorCode.INTEGRITY, text)
        try:
            os.fchmod(self._descriptor, _mode(_umask()))
            if like is not None:
                make_like(self._descriptor, like)
            os.fsync(self._descriptor)
            self._place(target, overwrite=overwrite)
            sync_directory(target.parent)
        except FileNotFoundError as error:
            text = f"{self.path} was removed while the file came, so {target.name} was not kept; get it again"
            raise CnMessageError(ErrorCode.NO_SUCH_FILE, text) from error
        except OSError as error:
            raise disk_error(error, target, writing=True) from error

    def discard(self) -> None:
        """Remove it: it is of no use any more."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Release it; what was written stays."""
        os.close(self._descriptor)

    def _place(self, target: Path, *, overwrite: bool) -> None:
        if overwrite:
            if target.is_dir() and not target.is_symlink():
                raise in_the_way(target)
            self.path.replace(target)
            return
        try:
            give_name(self.path, target)
        except FileExistsError as error:
            raise in_the_way(target) from error


def make_like(descriptor: int, like: Opened) -> None:
    """Make an open file of ours as old, and executable for those who may read it, as its sender's was.

    As far as this disk can: a time that it cannot keep is no reason to have no file.
    """
    if like.executable:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        with suppress(OSError):
            os.fchmod(descriptor, mode | (mode & 0o444) >> 2)
    if like.mtime is not None:
        nanoseconds = like.mtime * 1_000_000
        with suppress(OSError, OverflowError):
            os.utime(descriptor, ns=(nanoseconds, nanoseconds))


def in_the_way(target: Path) -> CnMessageError:
    """The error for a name that is taken."""
    if target.is_dir():
        text = f"{target} is a directory: remove it, or choose another directory for the file"
    else:
        advice = "remove it, choose another directory, or let it be overwritten (--force)"
        text = f"{target} exists already and is not this file; nothing was overwritten: {advice}"
    return CnMessageError(ErrorCode.EXISTS, text)


def _open(path: Path, *, create: bool) -> int | None:
    """A descriptor, locked; None for nothing there, or nothing any more."""
    try:
        descriptor = os.open(path, _FLAGS | (os.O_CREAT if create else 0), 0o600)
    except FileNotFoundError as error:
        if create:
            raise disk_error(error, path.parent, writing=True) from error
        return None
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EISDIR, errno.ENXIO}:
            raise _no_part(path) from error
        raise disk_error(error, path, writing=True) from error
    try:
        usable = _lock(path, descriptor)
    except CnMessageError:
        os.close(descriptor)
        raise
    except OSError as error:
        os.close(descriptor)
        raise disk_error(error, path, writing=True) from error
    if not usable:
        os.close(descriptor)
        return None
    return descriptor


def _lock(path: Path, descriptor: int) -> bool:
    """Lock an open part; False when it has become something else meanwhile."""
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
        raise _no_part(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        text = f"another download writes {path} at this moment; wait until it has ended"
        raise CnMessageError(ErrorCode.BUSY, text) from error
    try:
        named = path.lstat()
    except FileNotFoundError:
        return False
    facts = os.fstat(descriptor)
    if (named.st_dev, named.st_ino) != (facts.st_dev, facts.st_ino):
        return False
    if facts.st_nlink != 1:
        # A file with another name too: one that was being placed when its download died, or a trap.
        path.unlink(missing_ok=True)
        return False
    return True


def _no_part(path: Path) -> CnMessageError:
    text = f"{path} is in the way: the unfinished file belongs there; remove it or choose another directory"
    return CnMessageError(ErrorCode.EXISTS, text)


def _mode(mask: int) -> int:
    """Of a file that is whole: as the mask says, unless it lets anybody write, for then it says nothing."""
    mode = 0o666 & ~mask
    return 0o600 if mode & 0o002 else mode


def _umask() -> int:
    """The process's mask. It can only be read by setting it; to the strictest, so nothing gets looser."""
    with _MASK:
        mask = os.umask(0o077)
        os.umask(mask)
    return mask
