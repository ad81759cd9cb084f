"""Uploads that ended while a worker was at them: it is waited for, and holds one descriptor.

What it has made may be a blob that no file needs; only the store knows. Must not know why an upload ended.
"""

import contextlib

from cnmessage_broker.files.peers import AuthenticatedDevice
from cnmessage_broker.files.upload import OpenUpload
from cnmessage_protocol.errors import CnMessageError


class Leaving:
    """Uploads on their way out, each with the device it was of."""

    def __init__(self) -> None:
        self._all: list[tuple[OpenUpload, AuthenticatedDevice]] = []

    def add(self, intake: OpenUpload, device: AuthenticatedDevice) -> None:
        """An upload has ended; what has arrived of it stays on disk."""
        intake.close()
        self._all.append((intake, device))

    def ended(self) -> list[tuple[AuthenticatedDevice, bytes]]:
        """Forget those whose work has ended; gives the digests that may have become blobs."""
        leaving, self._all = self._all, []
        digests = []
        for intake, device in leaving:
            with contextlib.suppress(CnMessageError, OSError):
                intake.work_done()
            if not intake.idle:
                self._all.append((intake, device))
            elif intake.sha256:
                digests.append((device, intake.sha256))
        return digests
