"""What the kernel knows of a TCP connection that libzmq owns: who is there, what came, what was taken.

How many descriptors there may be stands here too. libzmq opens and closes these descriptors; here they are
only looked at and, at most, shut down, which libzmq sees as a broken connection. Linux counts a connection's
bytes (tcp_info, tcp(7)); where it does not, nothing is told.
"""

import contextlib
import resource
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

_INFO = struct.Struct("<24xI92xQQ8xI")
"""tcpi_unacked, tcpi_bytes_acked, tcpi_bytes_received and tcpi_notsent_bytes (linux/tcp.h, since 4.6)."""

COUNTS = hasattr(socket, "TCP_INFO")
"""Whether this system counts a connection's bytes."""


class Traffic(Struct, frozen=True):
    """A connection's bytes since it began: that came, and that the other side's kernel has taken.

    `drained`: nothing waits in our kernel to be sent.
    """

    received: int
    taken: int
    drained: bool


Place = tuple[str, int]
"""Address and port of the other side."""


def _on(descriptor: int) -> socket.SocketType:
    """A socket object on somebody else's descriptor, for one question: detached at once, it closes nothing.

    One that was kept beside its connection would close whatever has the number by then, if it were ever lost.
    """
    # AF_INET6 only sizes Python's buffer for names: an IPv4 name fits in it and says itself what it is.
    # The plain type, not socket.socket, whose enums cost three times what is asked here.
    return socket.SocketType(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, descriptor)


@contextmanager
def _borrowed(descriptor: int) -> Iterator[socket.SocketType]:
    borrowed = _on(descriptor)
    try:
        yield borrowed
    finally:
        borrowed.detach()


def place_of(descriptor: int) -> Place | None:
    """Who is connected there; None when nobody is any more.

    The number may be another's by now: a file's, or that of a socket whose peers have paths or numbers.
    """
    try:
        with _borrowed(descriptor) as connection:
            name = connection.getpeername()
    except OSError:
        return None
    match name:
        case (str(host), int(port), *_):
            return host.removeprefix("::ffff:"), port
        case _:
            return None


def traffic_of(descriptor: int) -> Traffic | None:
    """How many bytes have passed; None when the connection is gone or the system does not count.

    It is asked of each connection again and again: it takes one microsecond and a half.
    """
    if not COUNTS:
        return None
    try:
        borrowed = _on(descriptor)
        try:
            info = borrowed.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
        finally:
            borrowed.detach()
    except OSError:
        return None
    if len(info) < _INFO.size:
        return None
    in_flight, taken, received, not_sent = _INFO.unpack(info)
    return Traffic(received, taken, not (in_flight or not_sent))


def cut(descriptor: int, place: Place) -> bool:
    """Break the connection to `place`; False when the descriptor belongs to something else by now."""
    if place_of(descriptor) != place:
        return False
    try:
        with _borrowed(descriptor) as connection:
            connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return False
    return True


LEAST = 128
"""Descriptors without which no broker starts: its own sockets and database take some seventy."""

MOST = 1 << 16
RESERVE = 256
"""Descriptors the broker takes at most, and those it keeps for itself: disk, files that move, key probe."""


class DescriptorsError(Exception):
    """There may be too few descriptors; the text says how many it takes, and what to do."""


def descriptor_limit() -> int:
    """How many descriptors there may be, once this process's own limit is as high as it may be.

    DescriptorsError where that is not enough for a broker: libzmq would end the process.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    limit = MOST if soft == resource.RLIM_INFINITY else min(soft, MOST)
    if limit < LEAST:
        text = f"a broker needs {LEAST} files and connections at once, and only {limit} may be open here"
        raise DescriptorsError(f"{text}; raise the limit of open files (ulimit -n 1024), and start it again")
    return limit


def reserve_of(limit: int) -> int:
    """How many of so many descriptors are kept for the broker's own use; where there are few, most of them.

    Without one left, libzmq's I/O thread tries to accept for ever.
    """
    return min(RESERVE, limit * 5 // 8)
