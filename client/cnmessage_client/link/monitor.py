"""What libzmq says of a socket's connection, as transitions for --debug: whether it stands, or why not.

Only there when somebody listens: nothing but the log follows from it.
"""

import asyncio
from collections.abc import Callable

import zmq
from zmq.utils.monitor import parse_monitor_message

from cnmessage_protocol.trace import Trail

_CONNECTING, _UP = "connecting", "up"

EVENTS = {
    zmq.EVENT_CONNECTED: ("connected", "greeting"),
    zmq.EVENT_CONNECT_RETRIED: ("retried", _CONNECTING),
    zmq.EVENT_DISCONNECTED: ("disconnected", _CONNECTING),
    zmq.EVENT_HANDSHAKE_SUCCEEDED: ("handshake", _UP),
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: ("handshake failed", _CONNECTING),
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: ("handshake failed", _CONNECTING),
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: ("handshake refused", _CONNECTING),
}
"""What is noted: its word, and where the connection stands then."""

Notify = Callable[[], None]


class Monitor:
    """Of one socket, called `name` in the trail; `notify` is called after each event."""

    def __init__(self, socket: "zmq.Socket[bytes]", name: str, trail: Trail, notify: Notify) -> None:
        self._socket = socket
        self._name = name
        self._trail = trail
        self._notify = notify
        self._state = _CONNECTING
        self._events = socket.get_monitor_socket(sum(EVENTS))
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._events.fileno(), self._look)
        trail.note("connection", "closed", "opened", _CONNECTING, "", name)
        self._drain()  # the descriptor says nothing before somebody has found nothing there

    def close(self) -> None:
        """The socket is about to be closed."""
        self._loop.remove_reader(self._events.fileno())
        self._drain()
        self._socket.disable_monitor()
        self._trail.note("connection", self._state, "closed", "closed", "", self._name)

    def _look(self) -> None:
        self._drain()
        self._notify()

    def _drain(self) -> None:
        """The descriptor is edge-triggered: all that is there must be taken."""
        while int(self._events.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            event = parse_monitor_message(self._events.recv_multipart(zmq.NOBLOCK))
            kind = zmq.Event(event["event"])
            if kind in EVENTS:
                before = self._state
                word, self._state = EVENTS[kind]
                self._trail.note("connection", before, word, self._state, "", self._name)
