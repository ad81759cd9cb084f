"""A text that is too long for a message, on disk, so that it can go as a file.

The folder is named by recipients and content: the same text sent again is the same file, under the name it
got first, so an upload that was interrupted goes on where it stopped.
"""

import hashlib
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cnmessage_client.private import private_folder
from cnmessage_client.profile import Profile
from cnmessage_client.transfer.disk import disk_error


def write(profile: Profile, to: Sequence[str], name: str, body: str) -> Path:
    """The text as a file called `name`; a STORAGE error when the disk does not take it."""
    data = body.encode()
    folder = profile.outbox.with_name("spool") / hashlib.sha256(repr(tuple(to)).encode() + data).hexdigest()
    try:
        private_folder(folder)
        path = next(folder.iterdir(), folder / name)
        path.touch(mode=0o600)
        path.write_bytes(data)
        os.utime(path, (0, 0))  # its time is part of what tells one upload from another
    except OSError as error:
        remove(folder / name)
        raise disk_error(error, folder, writing=True) from error
    return path


def remove(path: Path) -> None:
    """It is sent, or never will be."""
    with suppress(OSError):
        shutil.rmtree(path.parent)
