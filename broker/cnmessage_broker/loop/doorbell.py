"""The push channel: which subscriptions are granted, and publishing sealed deliveries.

libzmq's manual mode alone is no boundary. It keeps a queue of the pipes that asked for a subscription, and a
peer that sends an ordinary message upstream takes the head off that queue, so that the next grant lands on
another pipe. The queue is in step again only once everything waiting was read; until then nothing is granted
(clients subscribe anew), and what is published is sealed in any case. Who sends such a message is cut and
kept out. Several sockets are the channel, each with a queue of its own; a listener's deliveries leave by the
one that its connection came to.
"""

from collections.abc import Callable, Iterator

import structlog
import zmq

from cnmessage_broker.loop.effects import Push
from cnmessage_broker.loop.listeners import Event, Listeners
from cnmessage_broker.net.link import Link
from cnmessage_broker.net.links import Links
from cnmessage_broker.net.readable import Readable
from cnmessage_broker.store.ports.directory import Directory
from cnmessage_protocol.deliveries import Hello
from cnmessage_protocol.ids import ID_SIZE

_DRAIN = 1000
_CANCEL, _SUBSCRIBE = 0, 1

SAID = 64
"""What a connection may say here before it is cut: a client subscribes once for each listener."""


class Doorbell:
    """Grants and publishes. `bar(key)` keeps a key out for a while."""

    def __init__(
        self,
        sockets: Readable,
        links: Links,
        listeners: Listeners,
        bar: Callable[[str], None],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._sockets = sockets
        self._links = links
        self._listeners = listeners
        self._bar = bar
        self._log = log
        self._out_of_step: set[zmq.Socket[bytes]] = set()
        self._bite = max(1, _DRAIN // len(sockets.sockets))

    def drain(self, directory: Directory, now: float) -> Iterator[Push]:
        """Take what subscribers sent; grant what is theirs, each with a hello as its first delivery."""
        for socket in self._sockets.take():
            yield from self._drain(socket, directory, now)

    def _drain(self, socket: "zmq.Socket[bytes]", directory: Directory, now: float) -> Iterator[Push]:
        for _ in range(self._bite):
            try:
                frame = socket.recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                self._sockets.emptied(socket)
                self._out_of_step.discard(socket)
                return
            data = frame.bytes
            try:
                link = self._links.of(frame, now, socket)
            except zmq.ZMQError:  # libzmq itself: a subscriber has left, and no pipe of the queue with it
                if data[:1] != bytes([_CANCEL]):
                    self._out_of_step.add(socket)
                continue
            link.said += 1
            if link.said > SAID:
                self._expel(link, "too many subscriptions")
                continue
            self._links.heard(link, len(data))
            if not data or data[0] not in {_CANCEL, _SUBSCRIBE}:
                self._out_of_step.add(socket)
                self._expel(link, "a message on the push channel that is no subscription")
            elif socket in self._out_of_step:
                continue
            elif len(data) == 1 + ID_SIZE and self._listeners.get(data[1:], link.key) is not None:
                yield from self._subscription(data[0], data[1:], link, socket, directory)
        self._sockets.touched(socket)

    def _expel(self, link: Link, reason: str) -> None:
        if not link.cut:
            self._bar(link.key)
            self._links.cut_key(link.key, reason)

    def _subscription(
        self, kind: int, topic: bytes, link: Link, socket: "zmq.Socket[bytes]", directory: Directory
    ) -> Iterator[Push]:
        listener = self._listeners.get(topic, link.key)
        if listener is None or not link.open:
            return  # of two connections, the one that still stands takes the deliveries
        if kind == _CANCEL:
            socket.setsockopt(zmq.UNSUBSCRIBE, topic)
            if listener.link is link:  # and not of one that it has left for another
                self._listeners.step(listener, Event.CANCELLED)
            return
        socket.setsockopt(zmq.SUBSCRIBE, topic)
        self._listeners.grant(listener, link, lambda: self._links.behind(link))
        yield Push(listener, Hello.KIND, {"head": directory.marks(listener.owner).head})

    def publish(self, push: Push, now: float) -> None:
        """Send one sealed delivery."""
        listener = push.listener
        socket = None if listener.link is None else listener.link.socket
        if listener.link is None or socket is None or listener.behind():
            return  # the inbox is the truth; the client notices and fetches
        frames = listener.sealer.seal(push.kind, push.values)
        self._sockets.touched(socket)
        try:
            socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.ZMQError:
            return  # as above
        self._links.handed(listener.link, frames, now)
