"""The push socket: which subscriptions are granted, and publishing sealed deliveries.

libzmq's manual mode alone is no boundary. It keeps a queue of the pipes that asked for a subscription, and a
peer that sends an ordinary message upstream takes the head off that queue, so that the next grant lands on
another pipe. The queue is in step again only once everything waiting was read; until then nothing is granted
(clients subscribe anew), and what is published is sealed in any case.
"""

from collections.abc import Iterator

import structlog
import zmq

from cnmessage_broker.attachments import Attachments
from cnmessage_broker.effects import Push
from cnmessage_broker.ports import Store
from cnmessage_protocol.deliveries import Hello
from cnmessage_protocol.ids import ID_SIZE

_DRAIN = 1000
_MAX_WARNED = 1000
_CANCEL, _SUBSCRIBE = 0, 1


class Doorbell:
    """Grants and rings. Owned by the reactor."""

    def __init__(
        self,
        socket: "zmq.Socket[bytes]",
        attachments: Attachments,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._socket = socket
        self._attachments = attachments
        self._log = log
        self._in_step = True
        self._warned: set[str | None] = set()
        self.dropped = 0

    def drain(self, store: Store) -> Iterator[Push]:
        """Take what subscribers sent; grant what is theirs, each with a hello as its first delivery."""
        for _ in range(_DRAIN):
            try:
                frame = self._socket.recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                self._in_step = True
                return
            data = frame.bytes
            if not data or data[0] not in {_CANCEL, _SUBSCRIBE}:
                self._in_step = False
                self._warn(_peer(frame))
            elif self._in_step and len(data) == 1 + ID_SIZE:
                yield from self._subscription(data[0], data[1:], _peer(frame), store)

    def _warn(self, peer: str | None) -> None:
        if peer not in self._warned and len(self._warned) < _MAX_WARNED:
            self._warned.add(peer)
            self._log.warning("message on the push channel", peer=peer)

    def ring(self, push: Push) -> None:
        """Publish one sealed delivery."""
        frames = push.attachment.sealer.seal(push.kind, push.values)
        try:
            self._socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.ZMQError:
            self.dropped += 1  # the inbox is the truth; the client notices and fetches

    def _subscription(self, kind: int, topic: bytes, peer: str | None, store: Store) -> Iterator[Push]:
        attachment = None if peer is None else self._attachments.get(topic, peer)
        if attachment is None:
            return
        if kind == _CANCEL:
            self._socket.setsockopt(zmq.UNSUBSCRIBE, topic)
            attachment.granted = False
            return
        self._socket.setsockopt(zmq.SUBSCRIBE, topic)
        attachment.granted = True
        yield Push(attachment, Hello.KIND, {"head": store.marks(attachment.owner).head})


def _peer(frame: zmq.Frame) -> str | None:
    try:
        return str(frame.get("User-Id"))
    except zmq.ZMQError:
        return None
