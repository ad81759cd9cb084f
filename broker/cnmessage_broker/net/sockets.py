"""All ZeroMQ sockets of the broker and all their options, in one place, each with what watches its
connections.

ZAP is bound first: libzmq admits everyone while no ZAP handler is there. See docs/security.md, also for why
no queue of incoming messages has a limit of libzmq's: a full one lets a peer abort the process
(docs/upstream.md), so what waits there is bounded by links.py.
"""

import errno
import os
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog
import zmq
from zmq.utils import z85

from cnmessage_broker.net.gate import Gate, GateLimits
from cnmessage_broker.net.link import LinkBounds
from cnmessage_broker.net.links import Links
from cnmessage_broker.net.readable import Readable
from cnmessage_broker.net.shared_port import listening
from cnmessage_broker.net.zap import DELIVERIES_DOMAIN, DOMAIN, FILES_DOMAIN, HANDSHAKE, Admission, Door
from cnmessage_protocol.envelope import FILES, MAX_REQUEST, PROBE
from cnmessage_protocol.files.channel import CHUNK, WINDOW, WINDOW_CHUNKS
from cnmessage_protocol.trace import Trail

BACKLOG = 4096
"""Connections that wait to be accepted: thousands come in the moment of a restart, and one that finds no room
comes again a second later at the earliest."""
LINGER_MS = 1000
REPLY_QUEUE = 200
"""Replies a slow client may leave unread before the broker drops more; it asks again."""

CHUNK_QUEUE = WINDOW_CHUNKS + 8
"""Messages that may wait for one client on the file channel."""

CURVE_OVERHEAD = 64
"""CURVE's framing (33 bytes) counts into MAXMSGSIZE."""

SUBSCRIPTION = 512
"""Bytes a client may say at once on the push channel; a subscription has 17, and what CURVE adds."""

PUSH_QUEUE = 1000
"""Deliveries a slow client may leave unread before libzmq drops more; it catches up from its inbox."""

MOST_SHARDS = 32
DESCRIPTORS_OF_SHARD = 256
"""Sockets that share the push port, at most, and how many descriptors there must be for each.

One takes four of them. For each subscriber that leaves, libzmq walks over all topics of its socket; only
Linux spreads those who connect over sockets that share a port. The figures are in docs/adr/0017.
"""

KEEPALIVE_IDLE = 10
KEEPALIVE_INTERVAL = 5
KEEPALIVE_COUNT = 3
"""Seconds of silence, then seconds between questions to a peer's machine, and how many it may leave open."""

UNACKNOWLEDGED_MS = 20_000
"""How long its TCP may leave what was sent without acknowledgement; Linux only, as TCP_USER_TIMEOUT."""

_UNTOLD_REQUESTS = LinkBounds(untold=16 << 20)
_UNTOLD_SUBSCRIPTIONS = LinkBounds(untold=1 << 20)
_UNTOLD_CHUNKS = LinkBounds(expected_of_all=2 * WINDOW)
"""What may come to a port and wait unread. All windows of uploads together hold little more than one, but
a window that was granted while a file moved alone is still under way when others come.
"""

_ZAP_ENFORCE_DOMAIN = 93
"""Stable in libzmq 4.3, but named only in its draft header (zmq.h, ZMQ_ZAP_ENFORCE_DOMAIN)."""


class BindError(Exception):
    """A port cannot be taken; the text says which and what to do."""


def bind_error(host: str, port: int, error: OSError | zmq.ZMQError) -> BindError:
    """Which port cannot be taken, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return BindError(
            f"port {port} on {host} is taken: is a broker running already? Choose another --port"
        )
    if error.errno in {errno.ENODEV, errno.EADDRNOTAVAIL}:
        return _no_address(host)
    return BindError(f"cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}")


def _no_address(host: str) -> BindError:
    return BindError(f"'{host}' is no address of this machine; choose another --host, or 0.0.0.0 for all")


def shards_for(descriptors: int) -> int:
    """How many sockets share the push port of a broker that may have so many descriptors."""
    if sys.platform != "linux":
        return 1
    return max(1, min(MOST_SHARDS, descriptors // DESCRIPTORS_OF_SHARD))


def require_ports(host: str, port: int) -> None:
    """BindError when a broker could not have its four ports now; for before anything is made for it."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError as error:
        if host in {"*", *(name for _, name in socket.if_nameindex())}:
            return  # libzmq knows it; names of machines it takes for connecting only
        raise _no_address(host) from error
    family, _, _, _, place = found[0]
    for number in range(port, port + PROBE + 1):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((place[0], number, *place[2:]))
            except OSError as error:
                raise bind_error(host, number, error) from error


@dataclass(frozen=True, slots=True)
class Watch:
    """What a context's sockets are watched with: who may connect, and how much connections may take."""

    admission: Admission
    limits: GateLimits
    unread_of_all: int
    monotonic: Callable[[], float]
    log: structlog.typing.FilteringBoundLogger
    trail: Trail = field(default_factory=Trail)


class _Bound:
    """Sockets of one context, ZAP first."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], watch: Watch) -> None:
        if not zmq.has("curve"):
            raise BindError("this libzmq has no CURVE; install pyzmq from its wheel")
        self._context = context
        self._watch = watch
        self._all: list[zmq.Socket[bytes]] = []
        self._watched: list[Links] = []
        try:
            self.door = Door(context, watch.admission, watch.monotonic)
        except zmq.ZMQError as error:
            raise BindError(
                f"cannot make a socket in the temporary directory: {error.strerror}; "
                "set TMPDIR to a directory with a short name that can be written"
            ) from error

    def close(self, linger_ms: int = LINGER_MS) -> None:
        """Close all; what is queued may leave within `linger_ms`."""
        for each in self._all:
            if endpoint := each.get_string(zmq.LAST_ENDPOINT):
                each.unbind(endpoint)
        for links in self._watched:
            links.end(linger_ms / 1000)
        for each in self._all:
            each.close(linger=0)
        self.door.close()

    def _new(self, kind: int) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        self._all.append(socket)
        socket.setsockopt(zmq.LINGER, LINGER_MS)
        return socket

    def _secured(self, kind: int, secret: bytes, domain: bytes) -> zmq.Socket[bytes]:
        socket = self._new(kind)
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, z85.encode(secret))
        socket.setsockopt(zmq.ZAP_DOMAIN, domain)
        socket.setsockopt(_ZAP_ENFORCE_DOMAIN, 1)
        socket.setsockopt(zmq.HANDSHAKE_IVL, int(HANDSHAKE * 1000))
        socket.setsockopt(zmq.BACKLOG, BACKLOG)
        socket.setsockopt(zmq.RCVHWM, 0)
        # TCP frees a vanished peer's descriptor. Never ZMTP's heartbeats: libzmq 4.3.5 ends the process when
        # their timer fires on a broken connection whose queue is full (docs/upstream.md).
        socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
        socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE)
        socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, KEEPALIVE_INTERVAL)
        socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, KEEPALIVE_COUNT)
        socket.setsockopt(zmq.TCP_MAXRT, UNACKNOWLEDGED_MS)
        return socket

    def _router(self, secret: bytes, domain: bytes) -> zmq.Socket[bytes]:
        socket = self._secured(zmq.ROUTER, secret, domain)
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        socket.setsockopt(zmq.ROUTER_HANDOVER, 0)
        return socket

    def _links(self, sockets: Sequence[zmq.Socket[bytes]], domain: bytes, bounds: LinkBounds) -> Links:
        watch = self._watch
        links = Links(
            sockets,
            Gate(watch.limits, watch.trail),
            watch.log,
            replace(bounds, unread_of_all=watch.unread_of_all),
            watch.admission.bar,
            watch.admission.policy(domain),
            routed=sockets[0].type == zmq.ROUTER,
        )
        self._watched.append(links)
        return links

    def _bind(self, socket: zmq.Socket[bytes], host: str, port: int) -> None:
        address = f"[{host}]" if ":" in host else host
        socket.setsockopt(zmq.IPV6, 1 if ":" in host else 0)
        try:
            socket.bind(f"tcp://{address}:{port}")
        except zmq.ZMQError as error:
            raise bind_error(host, port, error) from error


class Sockets(_Bound):
    """The reactor's sockets, bound: `door`, `requests`, `deliveries`, and the connections of the last two.

    `shards` sockets are the push channel and share its port; each subscriber is on one of them.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        host: str,
        port: int,
        secret: bytes,
        watch: Watch,
        shards: int = 1,
    ) -> None:
        super().__init__(context, watch)
        try:
            self.requests = self._router(secret, DOMAIN)
            self.requests.setsockopt(zmq.MAXMSGSIZE, MAX_REQUEST + CURVE_OVERHEAD)
            self.requests.setsockopt(zmq.SNDHWM, REPLY_QUEUE)
            self.request_links = self._links([self.requests], DOMAIN, _UNTOLD_REQUESTS)
            pushing = [self._publisher(secret) for _ in range(shards)]
            self.deliveries = Readable(pushing)
            self.delivery_links = self._links(pushing, DELIVERIES_DOMAIN, _UNTOLD_SUBSCRIPTIONS)
            self._bind(self.requests, host, port)
            if shards == 1:
                self._bind(pushing[0], host, port + 1)
            else:
                self._bind_together(pushing, port + 1)
        except BaseException:
            self.close(0)
            raise

    def close(self, linger_ms: int = LINGER_MS) -> None:
        """Close all; what is queued may leave within `linger_ms`."""
        super().close(linger_ms)
        if hasattr(self, "deliveries"):
            self.deliveries.close()

    def _publisher(self, secret: bytes) -> zmq.Socket[bytes]:
        publisher = self._secured(zmq.XPUB, secret, DELIVERIES_DOMAIN)
        publisher.setsockopt(zmq.XPUB_MANUAL, 1)
        publisher.setsockopt(zmq.MAXMSGSIZE, SUBSCRIPTION)
        publisher.setsockopt(zmq.SNDHWM, PUSH_QUEUE)
        return publisher

    def _bind_together(self, sockets: Sequence[zmq.Socket[bytes]], port: int) -> None:
        """All on one port of the address that `requests` has: who has that port has this one, too."""
        try:
            ports = listening(self.host, port, len(sockets), BACKLOG)
        except OSError as error:
            raise bind_error(self.host, port, error) from error
        address = f"[{self.host}]" if ":" in self.host else self.host
        for each, bound in zip(sockets, ports, strict=True):
            each.setsockopt(zmq.IPV6, 1 if ":" in self.host else 0)
            each.setsockopt(zmq.USE_FD, bound.detach())  # libzmq's own from here on
            each.bind(f"tcp://{address}:{port}")

    @property
    def host(self) -> str:
        """The address they listen on in numbers: libzmq also takes `*` and names of network interfaces."""
        endpoint = self.requests.get_string(zmq.LAST_ENDPOINT)
        return endpoint.removeprefix("tcp://").rpartition(":")[0].strip("[]")


class FileSockets(_Bound):
    """The file thread's sockets, bound: `door`, `channel`, `links`; in a context with its own I/O thread."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], host: str, port: int, secret: bytes, watch: Watch
    ) -> None:
        super().__init__(context, watch)
        try:
            self.channel = self._router(secret, FILES_DOMAIN)
            self.channel.setsockopt(zmq.MAXMSGSIZE, CHUNK + CURVE_OVERHEAD)
            self.channel.setsockopt(zmq.SNDHWM, CHUNK_QUEUE)
            self.links = self._links([self.channel], FILES_DOMAIN, _UNTOLD_CHUNKS)
            self._bind(self.channel, host, port + FILES)
        except BaseException:
            self.close(0)
            raise
