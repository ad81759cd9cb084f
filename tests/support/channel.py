"""A peer on the file channel without a machine behind it: says what a test wants, hears what comes."""

import hashlib
import os
from collections.abc import Callable
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
from cnmessage_protocol.files.flows import Outflow
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
        self.flows: dict[bytes, Outflow] = {}
        """What of each upload may go out, as the broker has said so far."""

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
        if isinstance(message, Granted):
            self.flows[transfer] = flow = Outflow(message.upto)
            flow.granted(message.offset, message.upto)
        elif isinstance(message, Credit) and transfer in self.flows:
            self.flows[transfer].credited(message.upto, message.chunk)
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


def give(
    peer: FilePeer, body: bytes, offset: int = 0, upto: int | None = None, transfer: bytes = UPLOAD
) -> None:
    """Send the bytes from an offset on as every client does: no more of them than were granted."""
    end = len(body) if upto is None else upto
    flow = peer.flows[transfer]
    assert flow.offset == offset
    while flow.offset < end:
        if not _send_next(peer, transfer, end, lambda place, length: body[place : place + length]):
            heard = peer.hear()[1]
            assert isinstance(heard, Credit | Granted), heard
            flow = peer.flows[transfer]


def feed(peer: FilePeer, size: int, holds: Callable[[Credit], bool]) -> Credit:
    """Send zeros to `UPLOAD`, a file of `size` bytes, as a client does until a credit comes for which it
    holds; gives that one.
    """
    while True:
        while _send_next(peer, UPLOAD, size, lambda _, length: bytes(length)):
            pass
        credit: Credit = peer.expect(Credit)
        if holds(credit):
            return credit
        assert peer.flows[UPLOAD].offset < size, "all went out before it came true"


def _send_next(peer: FilePeer, transfer: bytes, end: int, data: Callable[[int, int], bytes]) -> int:
    """One chunk, if it may go; its length."""
    flow = peer.flows[transfer]
    length = min(flow.chunk, flow.upto - flow.offset, end - flow.offset)
    if length > 0:
        peer.say(transfer, Chunk(flow.offset), data(flow.offset, length))
        flow.offset += length
    return max(0, length)


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
