"""What makes a thread that polls look up, from any thread and from a signal handler; it carries nothing."""

import socket
from contextlib import suppress


class Wakeup:
    """`fileno` is what a poller waits on. Close it only once its owner polls no more."""

    def __init__(self) -> None:
        self._in, self._out = socket.socketpair()
        self._in.setblocking(False)
        self._out.setblocking(False)

    def fileno(self) -> int:
        """The descriptor that is readable after `ring`, until `drain`."""
        return self._out.fileno()

    def ring(self) -> None:
        """Make the owner look up."""
        with suppress(OSError):  # full: it is awake already; closed: it is done
            self._in.send(b"\0")

    def drain(self) -> None:
        """Be ready for the next ring."""
        with suppress(BlockingIOError):
            while self._out.recv(4096):
                pass

    def close(self) -> None:
        """Release both ends; a later ring does nothing."""
        self._in.close()
        self._out.close()
