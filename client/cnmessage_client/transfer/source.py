"""A file being sent: opened once, read in any order, hashed once. Notices if it changes meanwhile, and if it
is not as long as it says.

Of one that grows a snapshot can be sent: the bytes it had at its opening, whatever is added behind them.

Every error is a CnMessageError that names the path. Must know no socket.
"""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cnmessage_client.transfer.digest import RunningDigest
from cnmessage_client.transfer.disk import disk_error
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.schema import EARLIEST, LATEST

UNDATED = -(1 << 31)
"""Seconds since 1970: the time of a file that has none, as standard input that was put on disk to be sent. It
is the earliest that every disk keeps; nothing was written in 1901."""


class Source:
    """The file at `path`, open for reading; a `snapshot`: it may change, as long as it gets no shorter."""

    def __init__(self, path: Path, *, snapshot: bool = False) -> None:
        self.path = path
        self._snapshot = snapshot
        try:
            # Not blocking: to open a pipe nobody writes to would wait for ever.
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise _unopened(path, error) from error
        self._facts = os.fstat(self._descriptor)
        self._hash = RunningDigest()
        try:
            self._check_kind()
            self._check_size()
        except CnMessageError:
            self.close()
            raise

    @property
    def size(self) -> int:
        """Bytes it had when it was opened."""
        return self._facts.st_size

    @property
    def mtime_ns(self) -> int:
        """When it was written last, as of its opening."""
        return self._facts.st_mtime_ns

    @property
    def mtime(self) -> int | None:
        """The same in ms since 1970, as far as an offer can tell it; None for one that is UNDATED."""
        milliseconds = self.mtime_ns // 1_000_000
        dated = self.mtime_ns != UNDATED * 1_000_000_000
        return milliseconds if dated and EARLIEST <= milliseconds <= LATEST else None

    @property
    def executable(self) -> bool:
        """Whether its owner may run it."""
        return bool(self._facts.st_mode & stat.S_IXUSR)

    @property
    def hashed(self) -> int:
        """Everything before this is hashed."""
        return self._hash.place

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of it, which count as hashed if they come next."""
        try:
            data = os.pread(self._descriptor, length, offset)
        except OSError as error:
            raise disk_error(error, self.path, writing=False) from error
        if len(data) != length:
            raise self._changed()
        self._hash.passed(offset, data)
        return data

    def hash_more(self, upto: int) -> None:
        """Hash another slice of what will not be read, because it was sent before."""
        try:
            if not self._hash.advance(self._descriptor, upto):
                raise self._changed()
        except OSError as error:
            raise disk_error(error, self.path, writing=False) from error

    def begin_anew(self) -> None:
        """It will be sent from its beginning: hash what is sent then."""
        self._hash = RunningDigest()

    def digest(self) -> bytes:
        """Its SHA-256, all of it being hashed; an INTEGRITY error if it changed since it was opened.

        A snapshot's is that of the bytes that were sent.
        """
        now = os.fstat(self._descriptor)
        if not self._snapshot and (now.st_size, now.st_mtime_ns) != (self.size, self.mtime_ns):
            raise self._changed()
        return self._hash.digest()

    def close(self) -> None:
        """Release it."""
        os.close(self._descriptor)

    def _check_kind(self) -> None:
        if not stat.S_ISREG(self._facts.st_mode):
            raise _no_file(self.path, self._facts)

    def _check_size(self) -> None:
        """Look whether it ends where it says. What the system makes up as it is read often does not."""
        try:
            whole = self.size == 0 or bool(os.pread(self._descriptor, 1, self.size - 1))
            more = bool(os.pread(self._descriptor, 1, self.size))
        except BlockingIOError:
            whole = more = False  # more may come, or not
        except OSError as error:
            if error.errno == errno.EIO and self.size == 0:
                text = f"{self.path} cannot be read from its beginning: it is no file that can be sent"
                raise CnMessageError(ErrorCode.UNREADABLE, text) from error  # as /proc/self/mem
            raise disk_error(error, self.path, writing=False) from error
        else:
            if whole and not more:
                return
        now = os.fstat(self._descriptor)
        if self._snapshot and whole and now.st_size > self.size:
            return  # it has grown since it was opened, as it may
        if (now.st_size > self.size and more) or (now.st_size < self.size and not whole):
            raise self._changed()  # at this moment: a log that somebody writes, say
        text = (
            f"{self.path} does not hold as much as it says, as is usual in /proc and /sys; send a copy of it "
            f"(the command line takes its standard input: cat {self.path} | … - --name {self.path.name})"
        )
        raise CnMessageError(ErrorCode.USAGE, text)

    def _changed(self) -> CnMessageError:
        if self._snapshot:
            text = f"{self.path} became shorter while it was being sent; send it again"
        else:
            advice = "send it again when nothing writes to it, or what it holds now: --snapshot"
            text = f"{self.path} changed while it was being sent; {advice}"
        return CnMessageError(ErrorCode.INTEGRITY, text)


def _unopened(path: Path, error: OSError) -> CnMessageError:
    """Why it cannot be opened; what nobody can open, as a socket, is no trouble of the disk."""
    with suppress(OSError):
        facts = path.stat()
        if error.errno in {errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP} and not stat.S_ISREG(facts.st_mode):
            return _no_file(path, facts)
    return disk_error(error, path, writing=False)


def _no_file(path: Path, facts: os.stat_result) -> CnMessageError:
    kind = next((words for test, words in _KINDS if test(facts.st_mode)), _OTHER)
    return CnMessageError(ErrorCode.USAGE, f"{path} is {kind}")


_OTHER = "no regular file; only such can be sent"
_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a directory; name the files in it, or pack it first"),
    (stat.S_ISFIFO, f"a named pipe and {_OTHER} (the command line takes '-' for its standard input)"),
    (stat.S_ISSOCK, f"a socket and {_OTHER}"),
    (stat.S_ISCHR, f"a device and {_OTHER} (the command line takes '-' for its standard input)"),
    (stat.S_ISBLK, f"a device and {_OTHER} (the command line takes '-' for its standard input)"),
)
