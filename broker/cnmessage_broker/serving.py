"""One download on the broker's side: reads the blob as the receiver's credit allows. Called by files.py."""

import os

from cnmessage_broker.peers import Device, Peer
from cnmessage_protocol.filechannel import Get, Opened
from cnmessage_protocol.flows import Outflow


class Serving:
    """A file that is being sent. `descriptor` is its blob's; it is closed here."""

    def __init__(self, peer: Peer, device: Device, get: Get, opened: Opened, descriptor: int) -> None:
        self.peer = peer
        self.device = device
        self.flow = Outflow(opened.size, get.offset, get.upto, get.chunk)
        self.told = get.offset
        self._descriptor = descriptor

    @property
    def file(self) -> bytes:
        """The file's id names its transfer."""
        return self.peer.transfer

    def next_chunk(self, most: int) -> tuple[int, bytes] | None:
        """The next bytes that may go now, at most `most`, and their place; `sent` says that they went."""
        length = min(most, self.flow.next_length())
        if length == 0:
            return None
        data = os.pread(self._descriptor, length, self.flow.offset)
        if len(data) != length:
            raise OSError(f"a blob has lost its end: {len(data)} bytes of {length} at {self.flow.offset}")
        return self.flow.offset, data

    def sent(self, length: int) -> None:
        """So many bytes went out."""
        self.flow.offset += length

    def close(self) -> None:
        """Release the blob."""
        os.close(self._descriptor)
