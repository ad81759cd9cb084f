"""The file that takes the lines of --debug where the screen is a chat's, which they would wreck.

One for each run, beside what the profile keeps for itself; readable by its owner alone.
"""

import os
from types import TracebackType
from typing import Self

from cnmessage_client.private import private_folder
from cnmessage_client.profile import Profile
from cnmessage_client.transfer.disk import disk_error


class DebugFile:
    """A fresh file, called `path`; a STORAGE error when the disk does not take it."""

    def __init__(self, profile: Profile) -> None:
        self.path = profile.outbox.with_name(f"debug-{os.getpid()}.log")
        try:
            private_folder(self.path.parent)
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        except OSError as error:
            raise disk_error(error, self.path, writing=True) from error

    def write(self, line: str) -> None:
        """One line; from any thread."""
        os.write(self._file, f"{line}\n".encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)
