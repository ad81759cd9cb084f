"""All sockets of the broker and all their options, in one place.

ZAP is bound first: libzmq admits everyone while no ZAP handler is there. See docs/security.md.
"""

import errno

import zmq
from zmq.utils import z85

from cnmessage_broker.zap import DOMAIN
from cnmessage_protocol.envelope import MAX_REQUEST
from cnmessage_protocol.filechannel import CHUNK, FILES, WINDOW_CHUNKS

HANDSHAKE_MS = 5000
BACKLOG = 1024
KEEPALIVE_IDLE = 10
KEEPALIVE_INTERVAL = 5
KEEPALIVE_COUNT = 3
"""Seconds of silence, then seconds between questions to a peer's machine, and how many it may leave open."""

UNACKNOWLEDGED_MS = 20_000
"""How long its TCP may leave what was sent without acknowledgement; Linux only, as TCP_USER_TIMEOUT."""

LINGER_MS = 1000
REQUEST_QUEUE = 64
"""Requests of one client, of up to 1 MiB, that may wait here; beyond, TCP holds them back."""

REPLY_QUEUE = 200
"""Replies a slow client may leave unread before the broker drops more; it asks again."""

CHUNK_QUEUE = WINDOW_CHUNKS + 8
"""Messages that may wait for one client on the file channel."""

UPLOAD_QUEUE = 16
"""Messages of one client, of up to 1 MiB, that may wait there; beyond, TCP holds them back."""

CURVE_OVERHEAD = 64
"""CURVE's framing (33 bytes) counts into MAXMSGSIZE."""

SUBSCRIPTION = 512
"""Bytes a client may say at once on the push channel; a subscription has 17, and what CURVE adds."""

PUSH_QUEUE = 1000
"""Deliveries a slow client may leave unread before libzmq drops more; it catches up from its inbox."""

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
    return BindError(f"cannot listen on {host} port {port}: {error.strerror}")


class _Bound:
    """Sockets of one context, ZAP first."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        if not zmq.has("curve"):
            raise BindError("this libzmq has no CURVE; install pyzmq from its wheel")
        self._context = context
        self._all: list[zmq.Socket[bytes]] = []
        self.zap = self._new(zmq.ROUTER)
        self.zap.bind("inproc://zeromq.zap.01")

    def close(self, linger_ms: int = LINGER_MS) -> None:
        """Close all; what is queued may leave within `linger_ms`."""
        for socket in self._all:
            socket.close(linger=linger_ms)

    def _new(self, kind: int) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        self._all.append(socket)
        socket.setsockopt(zmq.LINGER, LINGER_MS)
        return socket

    def _secured(self, kind: int, secret: bytes) -> zmq.Socket[bytes]:
        socket = self._new(kind)
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, z85.encode(secret))
        socket.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
        socket.setsockopt(_ZAP_ENFORCE_DOMAIN, 1)
        socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        socket.setsockopt(zmq.BACKLOG, BACKLOG)
        # TCP frees a vanished peer's descriptor. Never ZMTP's heartbeats: libzmq 4.3.5 ends the process when
        # their timer fires on a broken connection whose queue is full (docs/upstream.md).
        socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
        socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE)
        socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, KEEPALIVE_INTERVAL)
        socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, KEEPALIVE_COUNT)
        socket.setsockopt(zmq.TCP_MAXRT, UNACKNOWLEDGED_MS)
        return socket

    def _bind(self, socket: zmq.Socket[bytes], host: str, port: int) -> None:
        address = f"[{host}]" if ":" in host else host
        socket.setsockopt(zmq.IPV6, 1 if ":" in host else 0)
        try:
            socket.bind(f"tcp://{address}:{port}")
        except zmq.ZMQError as error:
            raise bind_error(host, port, error) from error


class Sockets(_Bound):
    """The reactor's sockets, bound: `zap`, `requests`, `deliveries`."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], host: str, port: int, secret: bytes) -> None:
        super().__init__(context)
        try:
            self.requests = self._secured(zmq.ROUTER, secret)
            self.requests.setsockopt(zmq.ROUTER_MANDATORY, 1)
            self.requests.setsockopt(zmq.ROUTER_HANDOVER, 0)
            self.requests.setsockopt(zmq.MAXMSGSIZE, MAX_REQUEST + CURVE_OVERHEAD)
            self.requests.setsockopt(zmq.SNDHWM, REPLY_QUEUE)
            self.requests.setsockopt(zmq.RCVHWM, REQUEST_QUEUE)
            self.deliveries = self._secured(zmq.XPUB, secret)
            self.deliveries.setsockopt(zmq.XPUB_MANUAL, 1)
            self.deliveries.setsockopt(zmq.MAXMSGSIZE, SUBSCRIPTION)
            self.deliveries.setsockopt(zmq.SNDHWM, PUSH_QUEUE)
            self._bind(self.requests, host, port)
            self._bind(self.deliveries, host, port + 1)
        except BaseException:
            self.close(0)
            raise

    @property
    def host(self) -> str:
        """The address they listen on in numbers: libzmq also takes `*` and names of network interfaces."""
        endpoint = self.requests.get_string(zmq.LAST_ENDPOINT)
        return endpoint.removeprefix("tcp://").rpartition(":")[0].strip("[]")


class FileSockets(_Bound):
    """The file thread's sockets, bound: `zap`, `channel`; its `context` has an I/O thread of its own."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], host: str, port: int, secret: bytes) -> None:
        super().__init__(context)
        try:
            self.channel = self._secured(zmq.ROUTER, secret)
            self.channel.setsockopt(zmq.ROUTER_MANDATORY, 1)
            self.channel.setsockopt(zmq.ROUTER_HANDOVER, 0)
            self.channel.setsockopt(zmq.MAXMSGSIZE, CHUNK + CURVE_OVERHEAD)
            self.channel.setsockopt(zmq.SNDHWM, CHUNK_QUEUE)
            self.channel.setsockopt(zmq.RCVHWM, UPLOAD_QUEUE)
            self._bind(self.channel, host, port + FILES)
        except BaseException:
            self.close(0)
            raise
