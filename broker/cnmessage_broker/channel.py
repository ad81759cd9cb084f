"""The file channel's socket: frames to messages and back. Called by files.py, which knows what they mean."""

from collections import Counter
from collections.abc import Iterator

import structlog
import zmq

from cnmessage_broker.peers import Device, Peer
from cnmessage_broker.sockets import FileSockets
from cnmessage_broker.zap import Admission
from cnmessage_protocol.errors import ProtocolError
from cnmessage_protocol.filechannel import FROM_CLIENT, FileMessage, pack, unpack

_MAX_WARNED = 10_000
_NO_DATA = memoryview(b"")


class GoneError(Exception):
    """The client's link does not exist any more."""


class Channel:
    """Receives and says. Not safe for more than one thread."""

    def __init__(self, sockets: FileSockets, log: structlog.typing.FilteringBoundLogger) -> None:
        self._sockets = sockets
        self._log = log
        self._admission = Admission()
        self._warned: Counter[str] = Counter()

    def register(self, poller: "zmq.Poller") -> None:
        """Have a poller wake up for what comes here."""
        poller.register(self._sockets.zap, zmq.POLLIN)
        poller.register(self._sockets.channel, zmq.POLLIN)

    def drain(self, limit: int) -> Iterator[tuple[Peer, Device, FileMessage, memoryview]]:
        """At most `limit` messages that wait, checked; a chunk's bytes are last. Bad frames are dropped."""
        self._admission.drain(self._sockets.zap)
        for _ in range(limit):
            try:
                frames = self._sockets.channel.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            key = "unknown peer"
            try:
                key = str(frames[0].get("User-Id"))
                transfer, message = unpack([frame.buffer for frame in frames[1:]], FROM_CLIENT)
            except zmq.ZMQError:
                self._warn(key, "a frame came without ZAP's word")
                continue
            except ProtocolError as error:
                self._warn(key, error.message)
                continue
            data = frames[2].buffer if len(frames) > 2 else _NO_DATA
            yield (
                Peer(frames[0].bytes, transfer),
                Device(key, self._admission.address_of(key)),
                message,
                data,
            )

    def say(self, peer: Peer, message: FileMessage, data: bytes | None = None) -> bool:
        """Send; False when the client does not read for now. GoneError when its link is no more."""
        frames = [peer.routing_id, pack(peer.transfer, message), *([] if data is None else [data])]
        try:
            self._sockets.channel.send_multipart(frames, zmq.NOBLOCK, copy=data is None)
        except zmq.Again:
            return False
        except zmq.ZMQError as error:
            raise GoneError from error
        return True

    def _warn(self, key: str, text: str) -> None:
        self._warned[key] += 1
        if self._warned[key] == 1:
            self._log.warning("bad frame on the file channel", peer=key, reason=text)
        if len(self._warned) > _MAX_WARNED:
            self._warned.clear()
