"""A client's link on the file channel: one DEALER, what happens to its connection, and a way to be woken.

Everything but `wake` belongs to the thread that made the socket. A broken connection is noticed at once, by
the socket's monitor; then a fresh socket takes its place, so that nothing old is sent on it. Must not know
what a message means to its transfer.
"""

import math
import socket as sockets
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

import zmq
from zmq.utils.monitor import parse_monitor_message

from cnmessage_client.link.sockets import CURVE_OVERHEAD, Access, can_open, connect, new_context, secured
from cnmessage_protocol.envelope import FILES
from cnmessage_protocol.errors import ProtocolError
from cnmessage_protocol.files.channel import (
    CHUNK,
    FROM_BROKER,
    WINDOW_CHUNKS,
    FileMessage,
    Stop,
    pack,
    unpack,
)
from cnmessage_protocol.trace import Trail

PACE = 0.2
"""Seconds between two openings, so that a broker that hangs up on us is not called without end."""

_SEND_QUEUE = WINDOW_CHUNKS
"""Chunks that libzmq holds for us: one window, however many files move."""

_RECEIVE_QUEUE = 3 * WINDOW_CHUNKS
"""With the broker's queue a window of each file that moves at once: else one waited for another."""

_FLUSH_MS = 500
_GIVE_UP_MS = 10_000
"""Milliseconds that a last word has to leave, once to libzmq and once to the broker. A PAUSE may be lost, for
the end of the link says the same. That a file was given up is said by its STOP alone, which waits behind a
whole window: a broker whose users talk takes two seconds for that, and a busy machine longer.
"""

_RECONNECT_MAX_MS = 1000
_WATCHED = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
_NO_DATA = memoryview(b"")


class FileChannel:
    """Sends and receives the messages of the transfers of one call."""

    def __init__(self, access: Access, trail: Trail) -> None:
        self._access = access
        self._trail = trail
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._socket: zmq.Socket[bytes] | None = None
        self._monitor: zmq.Socket[bytes] | None = None
        self._backlog: deque[list[bytes]] = deque()
        self._opened_at = -math.inf
        self._met = False
        self._gave_up = False
        self.ever_met = False
        """Whether a broker has ever proved its key here."""
        self._state = "closed"
        with can_open():
            self._wake_in, self._wake_out = sockets.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)

    def wake(self) -> None:
        """Let `wait` return. From any thread."""
        with suppress(OSError):  # full: it is awake already; closed: it is done
            self._wake_in.send(b"\0")

    def drop(self, linger_ms: int = 0) -> None:
        """Hang up; what has not left `linger_ms` later is forgotten. `open_due` says when to open again."""
        self._backlog.clear()
        if self._monitor is not None and self._socket is not None:
            self._socket.disable_monitor()
            self._monitor.close(linger=0)
        if self._socket is not None:
            self._note("closed", "closed")
            self._socket.close(linger=linger_ms)
        self._socket = self._monitor = None

    @property
    def open_due(self) -> float | None:
        """When `open` is to be called; None while the link is there."""
        return self._opened_at + PACE if self._socket is None else None

    def open(self) -> None:
        """Connect, in the background; what is said meanwhile waits. STORAGE where nothing can be opened."""
        self._note("opened", "connecting")
        self._opened_at = time.monotonic()
        self._met = self._gave_up = False
        self._context = self._context or new_context()
        self._socket = fresh = secured(self._context, zmq.DEALER, self._access)
        fresh.setsockopt(zmq.SNDHWM, _SEND_QUEUE)
        fresh.setsockopt(zmq.RCVHWM, _RECEIVE_QUEUE)
        fresh.setsockopt(zmq.RECONNECT_IVL_MAX, _RECONNECT_MAX_MS)
        fresh.setsockopt(zmq.MAXMSGSIZE, CHUNK + CURVE_OVERHEAD)
        with can_open():
            self._monitor = fresh.get_monitor_socket(_WATCHED)
        connect(fresh, self._access, FILES)

    def close(self) -> None:
        """Release everything, once what was said last has left or had its time."""
        flush_ms = _GIVE_UP_MS if self._gave_up else _FLUSH_MS
        self._say_the_rest(flush_ms / 1000)
        self.drop(flush_ms if self._met else 0)
        if self._context is not None:
            self._context.term()
        self._wake_in.close()
        self._wake_out.close()

    def _say_the_rest(self, seconds: float) -> None:
        """Give what was said last, a PAUSE perhaps, time to leave: it frees what the broker holds."""
        ends = time.monotonic() + seconds
        while self._backlog and self._socket is not None and self._met and time.monotonic() < ends:
            self._socket.poll(50, zmq.POLLOUT)
            self.flush()

    def wait(self, seconds: float, *, writable: bool) -> None:
        """Until something came, somebody woke us, the time is over or, if wanted, there is room to send."""
        poller = zmq.Poller()
        poller.register(self._wake_out, zmq.POLLIN)
        if self._socket is not None and self._monitor is not None:
            wanted = writable or bool(self._backlog)
            poller.register(self._socket, zmq.POLLIN | (zmq.POLLOUT if wanted else 0))
            poller.register(self._monitor, zmq.POLLIN)
        poller.poll(max(0, math.ceil(seconds * 1000)))
        with suppress(BlockingIOError):
            while self._wake_out.recv(4096):
                pass

    def broken(self) -> bool:
        """Whether a connection that stood has gone. One that never stood is tried again by libzmq itself."""
        gone = False
        while self._monitor is not None and self._monitor.poll(0):
            event = parse_monitor_message(self._monitor.recv_multipart())["event"]
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._note("handshake", "up")
            elif event == zmq.EVENT_DISCONNECTED:
                self._note("disconnected", "connecting")
            self._met |= event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            self.ever_met |= self._met
            gone |= event == zmq.EVENT_DISCONNECTED and self._met
        return gone

    def _note(self, event: str, state: str) -> None:
        before, self._state = self._state, state
        self._trail.note("connection", before, event, state, "", "files")

    def drain(self, limit: int) -> Iterator[tuple[bytes, FileMessage, memoryview]]:
        """At most `limit` messages that wait, checked; a chunk's bytes come last."""
        for _ in range(limit):
            if self._socket is None:
                return
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            try:
                transfer, message = unpack([frame.buffer for frame in frames], FROM_BROKER)
            except ProtocolError:
                continue  # from a newer broker, or a broken one: if it was an answer, its silence is noticed
            yield transfer, message, frames[1].buffer if len(frames) > 1 else _NO_DATA

    def say(self, transfer: bytes, message: FileMessage, data: bytes | None = None) -> None:
        """Send, or keep until there is room. Chunks are for when `ready` says so."""
        if self._socket is not None:
            self._gave_up |= isinstance(message, Stop)
            self._backlog.append([pack(transfer, message), *([] if data is None else [data])])
            self.flush()

    def flush(self) -> None:
        """Send what was kept, as far as there is room."""
        while self._backlog and self._socket is not None:
            frames = self._backlog[0]
            try:
                self._socket.send_multipart(frames, zmq.NOBLOCK, copy=len(frames) == 1)  # chunks are large
            except zmq.Again:
                return
            self._backlog.popleft()

    @property
    def ready(self) -> bool:
        """Whether a chunk would leave at once."""
        if self._socket is None or self._backlog:
            return False
        return bool(int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLOUT)
