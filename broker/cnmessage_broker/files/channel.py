"""The file channel's socket: frames to messages and back. Must not know what a message leads to."""

from collections import Counter
from collections.abc import Callable, Iterator

import structlog
import zmq

from cnmessage_broker.files.peers import AuthenticatedDevice, Peer
from cnmessage_broker.limits import Budget
from cnmessage_broker.net.incoming import Incoming
from cnmessage_broker.net.link import Link, on_the_wire
from cnmessage_broker.net.sockets import FileSockets
from cnmessage_broker.net.zap import Admission
from cnmessage_broker.scheduling.fairness import FairQueue, Room
from cnmessage_protocol.errors import ProtocolError
from cnmessage_protocol.files.channel import (
    CHUNK,
    FROM_CLIENT,
    WINDOW_CHUNKS,
    FileMessage,
    Granted,
    pack,
    peek_transfer,
    unpack,
)

UPLOAD = (WINDOW_CHUNKS + 8) * CHUNK
"""Bytes that a client with uploads may have under way: all windows together hold little more than one."""

ROOM = Room(items_of_key=4096, bytes_of_key=UPLOAD + (8 << 20), bytes_of_all=96 << 20)
"""What may wait here; each message counts for somewhat more than its bytes."""

REFUSALS = (200, 50.0)
"""Malformed messages of a key that are answered: at once, and a second. Others are dropped."""

_MESSAGE_BYTES = 1024
_UNREAD_PRESSED = 16 << 20

_MAX_WARNED = 10_000
_NO_DATA = memoryview(b"")


class GoneError(Exception):
    """The client's link does not exist any more."""


class Channel:
    """Receives and says. For one thread. `malformed` counts bad messages that were not answered."""

    def __init__(
        self,
        sockets: FileSockets,
        admission: Admission,
        monotonic: Callable[[], float],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._sockets = sockets
        self._links = sockets.links
        self._admission = admission
        self._monotonic = monotonic
        self._incoming = Incoming(sockets.channel, monotonic)
        self._log = log
        self._warned: Counter[str] = Counter()
        self._waiting: FairQueue[tuple[Link, list[zmq.Frame]]] = FairQueue(ROOM)
        self._refusals: Budget[str] = Budget(*REFUSALS)

    def register(self, poller: "zmq.Poller") -> None:
        """Have a poller wake up for what comes here."""
        self._sockets.door.register(poller)
        poller.register(self._sockets.channel, zmq.POLLIN)
        self._links.register(poller)

    def read(self, seconds: float) -> bool:
        """Take what has come from the socket, bounded by key and in all; whether more than that waits there.

        It is read at once, even if nobody may listen to it for a while: only here can be seen how much comes.
        """
        ends = self._monotonic() + seconds
        while True:
            try:
                message = self._incoming.take(ends)
            except zmq.Again:
                return False
            if message is None:
                return True
            frames = message.frames
            now = self._monotonic()
            try:
                link = self._links.of(frames[0], now)
            except zmq.ZMQError:
                self._warn("unknown peer", "a frame came without ZAP's word")
                continue
            if not message.whole:
                self._links.expel(link, "a message of very many parts")
                continue
            size = sum(on_the_wire(len(frame)) for frame in frames[1:])
            self._links.heard(link, size)
            size += _MESSAGE_BYTES
            if not link.cut and self._waiting.has_room(link.key, size):
                self._waiting.put(link.key, (link, frames), size)
                while self._waiting.shorten() is not None:
                    pass  # its client sends it again, once it hears what came
            if now > ends:
                return True

    def listen(self) -> Iterator[tuple[Peer, AuthenticatedDevice, FileMessage | ProtocolError, memoryview]]:
        """What has come, each key in its turn; a chunk's bytes are last.

        A ProtocolError stands for a message that is malformed and to be answered.
        """
        while (taken := self._waiting.take()) is not None:
            key, (link, frames), _ = taken
            started = self._monotonic()
            buffers = [frame.buffer for frame in frames[1:]]
            message: FileMessage | ProtocolError
            transfer: bytes | None
            try:
                transfer, message = unpack(buffers, FROM_CLIENT)
            except ProtocolError as error:
                transfer, message = self._answerable(key, buffers, started), error
                self._warn(key, error.message)
            try:
                if transfer is not None:
                    device = AuthenticatedDevice(key, link.address or self._admission.address_of(key))
                    yield Peer(link, transfer), device, message, buffers[1] if len(buffers) > 1 else _NO_DATA
            finally:
                self._waiting.served(key, self._monotonic() - started)

    def _answerable(self, key: str, buffers: list[memoryview], now: float) -> bytes | None:
        """The transfer that a malformed message is about; None if nobody can be answered, or not so often."""
        transfer = peek_transfer(buffers[0]) if buffers else None
        if transfer is None or self._refusals.wait(key, now) > 0:
            return None
        self._refusals.spend(key, now)
        return transfer

    @property
    def waits(self) -> bool:
        """Whether something has come that nobody has listened to yet."""
        return bool(self._waiting)

    def look(self) -> None:
        """Learn who came and who left, and let in who may come."""
        self._links.drain(self._monotonic())
        self._sockets.door.drain()

    def wait(self) -> float | None:
        """Seconds until somebody who waits to be let in may be; None when nobody does."""
        return self._sockets.door.wait()

    def beat(self, *, pressed: bool) -> None:
        """What time alone shows of connections; `pressed`: memory is short."""
        now = self._monotonic()
        self._links.look(now)
        if pressed:
            self._links.look_at_all(now)
            self._links.shed(max(_UNREAD_PRESSED, self._links.unread // 2), now)

    def say(self, peer: Peer, message: FileMessage, data: bytes | None = None) -> bool:
        """Send; False when the client does not read for now. GoneError when its link is no more."""
        frames = [peer.link.routing_id, pack(peer.transfer, message), *([] if data is None else [data])]
        try:
            self._sockets.channel.send_multipart(frames, zmq.NOBLOCK, copy=data is None)
        except zmq.Again:
            return False
        except zmq.ZMQError as error:
            raise GoneError from error
        if isinstance(message, Granted):
            peer.link.expected = UPLOAD  # it has been told to send so much
        self._links.handed(peer.link, frames[1:], self._monotonic())
        return True

    def _warn(self, key: str, text: str) -> None:
        self._warned[key] += 1
        if self._warned[key] == 1:
            self._log.warning("bad frame on the file channel", peer=key, reason=text)
        if len(self._warned) > _MAX_WARNED:
            self._warned.clear()
