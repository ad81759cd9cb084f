"""A peer on the file channel without a machine behind it: says what a test wants, hears what comes."""

from typing import Any, Self

import zmq

from cnmessage_client.profile import KeyPair
from cnmessage_protocol.filechannel import FILES, FROM_BROKER, FileMessage, pack, unpack
from tests.support.raw import DEADLINE, Raw


class FilePeer:
    """One DEALER on the file channel with a device key."""

    def __init__(self, address: str, keys: KeyPair) -> None:
        self._raw = Raw(address)
        self._socket = self._raw.socket(zmq.DEALER, keys, FILES)

    def say(self, transfer: bytes, message: FileMessage, data: bytes | None = None) -> None:
        """Send one message."""
        self.throw(pack(transfer, message), *([] if data is None else [data]))

    def throw(self, *frames: bytes) -> None:
        """Send frames as they are."""
        self._socket.send_multipart(frames)

    def hear(self) -> tuple[bytes, FileMessage, bytes]:
        """The next message, with a chunk's bytes; fails when none comes."""
        assert self._socket.poll(int(DEADLINE * 1000)), "nothing came on the file channel"
        frames = self._socket.recv_multipart()
        transfer, message = unpack(frames, FROM_BROKER)
        return transfer, message, frames[1] if len(frames) > 1 else b""

    def expect(self, kind: type[Any]) -> Any:
        """The next message of a kind; others are passed over."""
        while not isinstance(message := self.hear()[1], kind):
            pass
        return message

    def close(self) -> None:
        """Leave."""
        self._raw.__exit__()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
