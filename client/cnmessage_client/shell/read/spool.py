"""Standard input as a file on this disk, so that it can be sent as any other: read twice, and gone on with.

Bounded by the disk: what has no end leaves room for everybody else. Knows no command.
"""

import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import BinaryIO

from cnmessage_client.private import private_folder
from cnmessage_client.shell.settings import usage
from cnmessage_client.shell.streams import unreadable
from cnmessage_client.transfer.disk import disk_error
from cnmessage_client.transfer.source import UNDATED
from cnmessage_protocol.errors import CnMessageError, ErrorCode

RESERVE = 256 << 20
"""Bytes of the disk that are left to others."""

_SLICE = 1 << 20


def spool(source: BinaryIO, folder: Path, addressing: str, *, reserve: int = RESERVE) -> Path:
    """The file, named by `addressing` and its content: fed the same again, an upload goes on as any other.

    STORAGE when the disk has less than `reserve` bytes left, USAGE for a device, which has no end.
    """
    _check_end(source)
    digest = hashlib.sha256(addressing.encode(errors="surrogateescape"))
    try:
        private_folder(folder)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            try:
                while data := _read(source):
                    _check_room(folder, reserve + len(data))
                    digest.update(data)
                    file.write(data)
                file.flush()
                # Its time is part of what tells one upload from another.
                os.utime(file.fileno(), (UNDATED, UNDATED))
                return Path(file.name).rename(folder / digest.hexdigest())
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise disk_error(error, folder, writing=True) from error


def _read(source: BinaryIO) -> bytes:
    try:
        return source.read(_SLICE)
    except OSError as error:
        raise unreadable("standard input", error) from error


def _check_room(folder: Path, needed: int) -> None:
    if shutil.disk_usage(folder).free < needed:
        text = f"no room for all of standard input in {folder}; make room, or send it in parts"
        raise CnMessageError(ErrorCode.STORAGE, text)


def _check_end(source: BinaryIO) -> None:
    try:
        facts = os.fstat(source.fileno())
    except (OSError, ValueError):
        return
    nothing = Path(os.devnull).stat()
    if stat.S_ISCHR(facts.st_mode) and not source.isatty() and facts.st_rdev != nothing.st_rdev:
        raise usage("standard input is a device, which has no end; take a part of it: head -c SIZE DEVICE |")
