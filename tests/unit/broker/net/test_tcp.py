"""What is asked of a descriptor of libzmq, whose number the kernel may have given to anything since."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cnmessage_broker.net.tcp import COUNTS, cut, place_of, traffic_of

OTHERS = ["path", "abstract", "pair", "netlink", "datagram", "file", "pipe", "nothing"]


def _connected(stack: ExitStack, address: str) -> socket.socket:
    """A connection to a listener with this address."""
    listener = stack.enter_context(socket.socket(socket.AF_UNIX))
    listener.bind(address)
    listener.listen()
    peer = stack.enter_context(socket.socket(socket.AF_UNIX))
    peer.connect(address)
    return peer


def _opened(stack: ExitStack, kind: str, folder: Path) -> int:
    if kind == "path":
        return _connected(stack, str(folder / "t")).fileno()
    if kind == "abstract":
        return _connected(stack, f"\0{folder}").fileno()
    if kind == "pair":
        one, other = socket.socketpair()
        stack.enter_context(other)
        return stack.enter_context(one).fileno()
    if kind == "netlink":
        return stack.enter_context(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)).fileno()
    if kind == "datagram":
        return stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).fileno()
    ends = os.pipe() if kind == "pipe" else (os.open(folder, os.O_RDONLY),)
    for each in ends if kind != "nothing" else ():
        stack.callback(os.close, each)
    if kind == "nothing":
        os.close(ends[0])
    return ends[0]


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.skipif(sys.platform != "linux", reason="has sockets that only Linux has")
@pytest.mark.parametrize("kind", OTHERS)
def test_a_number_that_is_another_s_by_now_is_nobody_s_connection(
    opened: ExitStack, tmp_path: Path, kind: str
) -> None:
    descriptor = _opened(opened, kind, tmp_path)
    assert place_of(descriptor) is None
    assert traffic_of(descriptor) is None
    assert not cut(descriptor, ("127.0.0.1", 1))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_connection_is_told_by_its_other_side_and_cut_only_as_that(opened: ExitStack, host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = opened.enter_context(socket.create_server((host, 0), family=family))
    peer = opened.enter_context(socket.create_connection(listener.getsockname()[:2]))
    here = opened.enter_context(listener.accept()[0])
    place = place_of(here.fileno())
    assert place is not None
    assert place == peer.getsockname()[:2]
    assert (traffic_of(here.fileno()) is not None) is COUNTS
    assert not cut(here.fileno(), (host, 1))
    assert cut(here.fileno(), place)
    assert peer.recv(1) == b""
