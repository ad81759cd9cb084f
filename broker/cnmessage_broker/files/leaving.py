"""Uploads that were let go while work on them went on: it is waited for, and holds one descriptor a worker.

What was brought to the disk under its content's name may then be a blob that no file needs; the store knows.
Called by transfers.py.
"""

import contextlib

from cnmessage_broker.files.peers import Device
from cnmessage_broker.files.upload import Intake
from cnmessage_protocol.errors import CnMessageError


class Leaving:
    """Uploads on their way out, each with the device it was of."""

    def __init__(self) -> None:
        self._all: list[tuple[Intake, Device]] = []

    def add(self, intake: Intake, device: Device) -> None:
        """Let go of an upload; what it has sent stays on disk."""
        intake.close()
        self._all.append((intake, device))

    def settle(self) -> list[tuple[Device, bytes]]:
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
