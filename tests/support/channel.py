"""A peer on the file channel without a machine behind it: says what a test wants, hears what comes."""

import hashlib
import os
from pathlib import Path
from typing import Any, Self

import pytest
import zmq

from cnmessage_client.profile import KeyPair
from cnmessage_protocol.envelope import FILES
from cnmessage_protocol.files.channel import (
    CHUNK,
    FROM_BROKER,
    WINDOW,
    Chunk,
    Credit,
    FileMessage,
    Finish,
    Get,
    Granted,
    Kept,
    Opened,
    Put,
    pack,
    unpack,
)
from tests.support.harness import BrokerThread
from tests.support.patience import PATIENCE
from tests.support.raw import Raw

UPLOAD = b"u" * 16
BODY = os.urandom(3 * CHUNK + 17)
DIGEST = hashlib.sha256(BODY).digest()
PUT = Put("a.bin", len(BODY), ("bob",))


OPEN_FILES = Path("/proc/self/fd")
needs_proc = pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="counts open files in /proc")


def of_files(broker: BrokerThread) -> list[str]:
    """What this process, the broker in it, has open below its directory of files."""
    folder = str(broker.broker.config.data / "files")
    found = []
    for each in OPEN_FILES.iterdir():
        try:
            found.append(str(each.readlink()))
        except FileNotFoundError:  # the one of the listing itself
            continue
    return [each for each in found if each.startswith(folder)]


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
        assert self._socket.poll(int(PATIENCE * 1000)), "nothing came on the file channel"
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


def give(peer: FilePeer, body: bytes, offset: int = 0, upto: int | None = None) -> None:
    """Send the bytes from an offset on as chunks."""
    end = len(body) if upto is None else upto
    for place in range(offset, end, CHUNK):
        peer.say(UPLOAD, Chunk(place), body[place : min(place + CHUNK, end)])


def upload(peer: FilePeer, body: bytes = BODY, put: Put = PUT) -> Kept:
    """A whole upload."""
    peer.say(UPLOAD, put)
    give(peer, body, peer.expect(Granted).offset)
    peer.say(UPLOAD, Finish(hashlib.sha256(body).digest()))
    kept: Kept = peer.expect(Kept)
    return kept


def fetch(peer: FilePeer, file: bytes, offset: int = 0) -> bytes:
    """The bytes from an offset on."""
    peer.say(file, Get(offset, offset + WINDOW, CHUNK))
    size = peer.expect(Opened).size
    got = b""
    while offset + len(got) < size:
        _, message, data = peer.hear()
        if isinstance(message, Credit):
            continue  # a sign of life, once a second
        assert isinstance(message, Chunk), message
        assert message.offset == offset + len(got)
        got += data
    return got
