"""What drives every peer: one sender and one receiver over plain TCP, with bytes that were made before.

The sender keeps at most IN_FLIGHT messages unacknowledged; the receiver counts while they come and looks at
each of them in the end. What a peer's own wire looks like stands in that peer's file.
"""

import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.bare import IN_FLIGHT
from bench.bodies import Tally
from bench.peers.server import Command, running
from bench.processes import (
    PATIENCE,
    BenchError,
    Party,
    ended,
    free_port,
    ready,
    report,
    settings,
    wait_for_go,
)

_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Peer:
    """A program to compare with: how it is started in a folder on a port, and what it promises.

    `program` is what must be installed; `module` is the file with its two parties.
    """

    name: str
    program: str
    guarantee: str
    module: str
    command: Callable[[Path, int], Command]


def measure(folder: Path, peer: Peer, messages: int) -> Mapping[str, float]:
    """Delivered messages per second of one run, from the first send to the last one received."""
    port = free_port()
    with running(peer.command(folder, port), folder, port):
        place = {"port": port, "count": messages}
        receiver = Party.role(peer.module, "receiver", **place)
        with ended(receiver):
            sender = Party.role(peer.module, "sender", **place)
            with ended(sender):
                sender.go()
                started = sender.result()["started"]
                return {peer.name: messages / float(receiver.result()["ended"] - started)}


# -- the parties ----------------------------------------------------------------------------------


class Link:
    """A connection to a peer."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        """All of it."""
        self._socket.sendall(data)

    def receive(self) -> bytes:
        """What has come, at least a byte; BenchError when the peer has hung up."""
        if data := self._socket.recv(_CHUNK):
            return data
        raise BenchError("the peer has hung up")

    def receive_until(self, *texts: bytes) -> bytes:
        """All that comes until one of these has come; BenchError when the peer hangs up before."""
        data = b""
        while not any(text in data for text in texts):
            try:
                data += self.receive()
            except BenchError:
                raise BenchError(f"the peer has hung up, after {data[-300:]!r}") from None
        return data


def send_all(link: Link, frames: Sequence[bytes], acknowledged: Callable[[bytes], int]) -> None:
    """The sender's part, once it is connected: `acknowledged` says how many more are, from what has come."""
    ready()
    wait_for_go()
    started = time.monotonic()
    total, sent, done = len(frames), 0, 0
    while done < total:
        upto = min(total, done + IN_FLIGHT)
        if sent < upto:
            link.send(b"".join(frames[sent:upto]))
            sent = upto
        done += acknowledged(link.receive())
    report(started=started)


@contextmanager
def receiving(count: int) -> Iterator[Tally]:
    """The receiver's part, once it is subscribed: the body of this feeds the tally until all have come."""
    tally = Tally()
    ready()
    yield tally
    ended_at = time.monotonic()
    if fault := tally.fault(count):
        raise BenchError(fault)
    report(ended=ended_at)


def play(sender: Callable[[Link, int], None], receiver: Callable[[Link, int], None]) -> None:
    """Be the party that the command line names."""
    place: dict[str, Any] = settings()
    link = Link(place["port"])
    (sender if sys.argv[1] == "sender" else receiver)(link, place["count"])
