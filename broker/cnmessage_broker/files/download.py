"""One download on the broker's side: reads the blob as the receiver's credit allows.

It has the blob open only while bytes go out: who asks and grants nothing holds nothing. Must know neither the
socket nor who may have the file.
"""

import os

from cnmessage_broker.files.blobs import Blobs
from cnmessage_broker.files.descriptors import Descriptors
from cnmessage_broker.files.peers import AuthenticatedDevice, Peer
from cnmessage_protocol.files.channel import Get, Opened
from cnmessage_protocol.files.flows import Outflow


class OpenDownload:
    """A download under way; FileNotFoundError when the file's blob is lost."""

    def __init__(
        self,
        peer: Peer,
        device: AuthenticatedDevice,
        account: int,
        get: Get,
        opened: Opened,
        blobs: Blobs,
        descriptors: Descriptors,
    ) -> None:
        blobs.check_blob(opened.sha256)
        self.peer = peer
        self.device = device
        self.account = account
        self.flow = Outflow(opened.size, get.offset, get.upto, get.chunk)
        self.reported = get.offset
        self._sha256 = opened.sha256
        self._blobs = blobs
        self._descriptors = descriptors

    @property
    def file(self) -> bytes:
        """The file's id names its transfer."""
        return self.peer.transfer

    def next_chunk(self, now: float, most: int) -> tuple[int, bytes] | None:
        """The next bytes that may go now, at most `most`, and their place; `sent` says that they went."""
        length = min(most, self.flow.next_length())
        if length == 0:
            return None
        descriptor = self._descriptors.of(self, now, lambda: self._blobs.open_blob(self._sha256))
        data = os.pread(descriptor, length, self.flow.offset)
        if len(data) != length:
            raise OSError(f"a blob has lost its end: {len(data)} bytes of {length} at {self.flow.offset}")
        return self.flow.offset, data

    def sent(self, length: int) -> None:
        """So many bytes went out."""
        self.flow.offset += length

    def close(self) -> None:
        """Release the blob."""
        self._descriptors.close(self)
