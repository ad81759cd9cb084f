"""Small files that are this user's own: read whole, written all or nothing; what the disk refuses, in words.

Must not know what stands in them.
"""

import errno
import json
import os
import stat
import tomllib
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from pwd import getpwuid

from cnmessage_client.private import write_private
from cnmessage_protocol.errors import CnMessageError, ErrorCode

_MOST = 1 << 20
"""Bytes of a file of settings or keys; more than anybody has brokers."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

TOO_MANY = frozenset({errno.EMFILE, errno.ENFILE})
RAISE_LIMIT = "raise the limit of open files (ulimit -n), and do the same again"


def need_descriptors(count: int) -> None:
    """STORAGE, with what to do, where this process cannot open so many files more."""
    taken: list[int] = []
    try:
        while len(taken) < count:
            taken += os.pipe()
    except OSError as error:
        text = (
            f"this needs {count} files and connections at once beside those that are open: {error.strerror}"
        )
        advice = RAISE_LIMIT if error.errno == errno.ENFILE else _raised_by(count - len(taken))
        raise CnMessageError(ErrorCode.STORAGE, f"{text}; {advice}") from error
    finally:
        for each in taken:
            os.close(each)


def _raised_by(missing: int) -> str:
    """How to raise this process's limit, so that what was missing is there."""
    import resource  # noqa: PLC0415 - for this error alone

    enough, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough += missing
    advice = f"raise the limit, and do the same again: ulimit -n {enough}"
    if most != resource.RLIM_INFINITY and most < enough and os.geteuid() != 0:
        return f"{advice} (in another shell: this one may not go beyond {most})"
    return advice


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """What the operating system refuses within, at `path` or what lies above it, as one line of advice.

    STORAGE where there is no room, else UNREADABLE.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _FULL:
            raise CnMessageError(
                ErrorCode.STORAGE, f"no room for {path}: {reason}; make room, and do the same again"
            ) from error
        if error.errno in TOO_MANY:
            raise CnMessageError(
                ErrorCode.UNREADABLE, f"cannot use {path}: {reason}; {RAISE_LIMIT}"
            ) from error
        raise CnMessageError(
            ErrorCode.UNREADABLE,
            f"cannot use {path}: {reason}{_owner(path, error)}; correct that, or set CNMESSAGE_HOME to a "
            "directory of your own",
        ) from error


def read(path: Path) -> bytes | None:
    """All of a file; None where there is none. INTEGRITY for one that cannot be ours, and may have no end."""
    with usable(path):
        try:
            # Not blocking: to open a pipe nobody writes to would wait for ever.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
            content = b"" if pipe else file.read(_MOST + 1) or b""
    if pipe:
        raise _damaged(path, "it is a pipe, and no file")
    if len(content) > _MOST:
        raise _damaged(path, f"it holds more than {_MOST} bytes")
    return content


def read_text(path: Path) -> str | None:
    """All of a file as text; an INTEGRITY error where it is none."""
    content = read(path)
    try:
        return None if content is None else content.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        raise _damaged(path, error) from error


def read_toml(path: Path) -> dict[str, str]:
    """Keys and texts of a file of settings; an INTEGRITY error for one that holds anything else."""
    try:
        values = tomllib.loads(read_text(path) or "")
    except tomllib.TOMLDecodeError as error:
        raise _damaged(path, error) from error
    for key, value in values.items():
        if not isinstance(value, str):
            raise _damaged(path, f"'{key}' must be a text in quotes")
    return values


def write_toml(path: Path, values: dict[str, str]) -> None:
    """Keys and texts as a file of settings."""
    # A JSON string is a TOML basic string too, so the standard library can write these few lines.
    write(path, "".join(f"{key} = {json.dumps(text)}\n" for key, text in values.items()).encode())


def write(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Write a file all or nothing; without `replace`, one that came into being meanwhile stays."""
    with usable(path):
        write_private(path, content, replace=replace)


def _damaged(path: Path, why: object) -> CnMessageError:
    return CnMessageError(ErrorCode.INTEGRITY, f"{path} is damaged: {why}; correct or remove it")


def _owner(path: Path, error: OSError) -> str:
    """Whose it is, where that is the reason: often it is root's, made by a command with sudo."""
    if error.errno not in {errno.EACCES, errno.EPERM}:
        return ""
    for each in (path, *path.parents):
        with suppress(OSError):
            owner = each.stat().st_uid
            if owner == os.geteuid():
                return ""
            try:
                return f" ({each} belongs to {getpwuid(owner).pw_name})"
            except KeyError:
                return f" ({each} belongs to user {owner})"
    return ""
