"""A port from which nothing comes, as behind a firewall that drops all that is sent to it."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

_CALLERS = 4
"""More than a backlog of none takes on any system."""


@contextmanager
def silent(port: int) -> Iterator[None]:
    """On 127.0.0.1: it has a backlog of none, which is full."""
    with ExitStack() as open_ones:
        listener = open_ones.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(0)
        for _ in range(_CALLERS):
            caller = open_ones.enter_context(socket.socket())
            caller.setblocking(False)
            with suppress(BlockingIOError):
                caller.connect(("127.0.0.1", port))
        yield
