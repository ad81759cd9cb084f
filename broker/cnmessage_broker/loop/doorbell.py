"""The push socket: which subscriptions are granted, and publishing sealed deliveries.

libzmq's manual mode alone is no boundary. It keeps a queue of the pipes that asked for a subscription, and a
peer that sends an ordinary message upstream takes the head off that queue, so that the next grant lands on
another pipe. The queue is in step again only once everything waiting was read; until then nothing is granted
(clients subscribe anew), and what is published is sealed in any case. Who sends such a message is cut and
kept out.
"""

from collections.abc import Callable, Iterator

import structlog
import zmq

from cnmessage_broker.loop.effects import Push
from cnmessage_broker.loop.listeners import Event, Listeners
from cnmessage_broker.net.link import Link
from cnmessage_broker.net.links import Links
from cnmessage_broker.store.ports.directory import Directory
from cnmessage_protocol.deliveries import Hello
from cnmessage_protocol.ids import ID_SIZE

_DRAIN = 1000
_CANCEL, _SUBSCRIBE = 0, 1

SAID = 64
"""What a connection may say here before it is cut: a client subscribes once for each listener."""


class Doorbell:
    """Grants and rings. `bar(key)` keeps a key out for a while."""

    def __init__(
        self,
        socket: "zmq.Socket[bytes]",
        links: Links,
        listeners: Listeners,
        bar: Callable[[str], None],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._socket = socket
        self._links = links
        self._listeners = listeners
        self._bar = bar
        self._log = log
        self._in_step = True

    def drain(self, directory: Directory, now: float) -> Iterator[Push]:
        """Take what subscribers sent; grant what is theirs, each with a hello as its first delivery."""
        for _ in range(_DRAIN):
            try:
                frame = self._socket.recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                self._in_step = True
                return
            data = frame.bytes
            try:
                link = self._links.of(frame, now)
            except zmq.ZMQError:  # libzmq itself: a subscriber has left, and no pipe of the queue with it
                self._in_step = self._in_step and data[:1] == bytes([_CANCEL])
                continue
            link.said += 1
            if link.said > SAID:
                self._expel(link, "too many subscriptions")
                continue
            self._links.heard(link, len(data))
            if not data or data[0] not in {_CANCEL, _SUBSCRIBE}:
                self._in_step = False
                self._expel(link, "a message on the push channel that is no subscription")
            elif not self._in_step:
                continue
            elif len(data) == 1 + ID_SIZE and self._listeners.get(data[1:], link.key) is not None:
                yield from self._subscription(data[0], data[1:], link, directory)

    def _expel(self, link: Link, reason: str) -> None:
        if not link.cut:
            self._bar(link.key)
            self._links.cut_key(link.key, reason)

    def _subscription(self, kind: int, topic: bytes, link: Link, directory: Directory) -> Iterator[Push]:
        listener = self._listeners.get(topic, link.key)
        if listener is None:
            return
        if kind == _CANCEL:
            self._socket.setsockopt(zmq.UNSUBSCRIBE, topic)
            self._listeners.step(listener, Event.CANCELLED)
            return
        self._socket.setsockopt(zmq.SUBSCRIBE, topic)
        self._listeners.grant(listener, link, lambda: self._links.behind(link))
        yield Push(listener, Hello.KIND, {"head": directory.marks(listener.owner).head})

    def ring(self, push: Push, now: float) -> None:
        """Publish one sealed delivery."""
        listener = push.listener
        if listener.behind():
            return  # the inbox is the truth; the client notices and fetches
        frames = listener.sealer.seal(push.kind, push.values)
        try:
            self._socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.ZMQError:
            return  # as above
        if listener.link is not None:
            self._links.handed(listener.link, sum(len(each) for each in frames), now)
