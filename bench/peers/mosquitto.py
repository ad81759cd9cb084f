"""Mosquitto: MQTT 3.1.1, quality of service 1 on both sides, a lasting session, persistence on.

python -m bench.peers.mosquitto sender|receiver SETTINGS
"""

import getpass
import re
from pathlib import Path

from bench.bodies import bodies
from bench.peers.driver import Link, Peer, play, receiving, send_all
from bench.peers.server import Command

_TOPIC = b"bench"
_CONNACK, _PUBACK, _SUBACK = 0x20, 0x40, 0x90
_CONNECT, _PUBLISH_QOS_1, _SUBSCRIBE = 0x10, 0x32, 0x82
_PUBACK_SIZE = 4
_IDS = 65_535
_DELIVERED = re.compile(rb"\x00\x05bench(..)\d{7} x*-end", re.DOTALL)
_LONGEST = 256


def _start(folder: Path, port: int) -> Command:
    config = folder / "mosquitto.conf"
    lines = (
        f"listener {port} 127.0.0.1", "allow_anonymous true", f"user {getpass.getuser()}",
        "persistence true", f"persistence_location {folder}/",
        "max_inflight_messages 0", "max_queued_messages 0", "set_tcp_nodelay true",
    )  # fmt: skip
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Command(["mosquitto", "-c", str(config)])


PEER = Peer(
    "Mosquitto, QoS 1",
    "mosquitto",
    "in memory at the acknowledgement, in a file every half hour; no encryption",
    "bench.peers.mosquitto",
    _start,
)


def packet(kind: int, content: bytes) -> bytes:
    """A control packet: its first byte, its length in groups of seven bits, its content."""
    left, length = len(content), bytearray()
    while True:
        left, digit = left >> 7, left & 0x7F
        length.append(digit | (0x80 if left else 0))
        if not left:
            return bytes([kind]) + bytes(length) + content


def text(value: bytes) -> bytes:
    """A string with its length before it."""
    return len(value).to_bytes(2, "big") + value


def published(body: bytes, number: int) -> bytes:
    """A PUBLISH that wants an acknowledgement; identifiers go round from 1."""
    return packet(_PUBLISH_QOS_1, text(_TOPIC) + (number % _IDS + 1).to_bytes(2, "big") + body)


def connect(client: bytes, *, lasting: bool) -> bytes:
    """A CONNECT with no name and no password."""
    flags = 0 if lasting else 2
    return packet(_CONNECT, text(b"MQTT") + bytes([4, flags, 0, 0]) + text(client))


class Acknowledged:
    """Counts PUBACKs: they have four bytes, and nothing else comes."""

    def __init__(self) -> None:
        self._left = 0

    def __call__(self, chunk: bytes) -> int:
        """How many more are with this chunk."""
        done, self._left = divmod(self._left + len(chunk), _PUBACK_SIZE)
        return done


class Deliveries:
    """Finds what was delivered whole, and what acknowledges it."""

    def __init__(self) -> None:
        self._tail = b""

    def acknowledgements(self, chunk: bytes) -> bytes:
        """A PUBACK for each delivery that came to its end with this chunk."""
        data, end = self._tail + chunk, 0
        answers = []
        for found in _DELIVERED.finditer(data):
            answers.append(bytes([_PUBACK, 2]) + found[1])
            end = found.end()
        self._tail = data[end:][-_LONGEST:]
        return b"".join(answers)


def send(link: Link, count: int) -> None:
    link.send(connect(b"alice", lasting=False))
    link.receive_until(bytes([_CONNACK, 2, 0, 0]))
    frames = [published(body.encode(), number) for number, body in enumerate(bodies(count))]
    send_all(link, frames, Acknowledged())


def receive(link: Link, count: int) -> None:
    link.send(connect(b"bob", lasting=True))
    link.receive_until(bytes([_CONNACK, 2, 0, 0]))
    link.send(packet(_SUBSCRIBE, b"\x00\x01" + text(_TOPIC) + b"\x01"))
    link.receive_until(bytes([_SUBACK, 3, 0, 1, 1]))
    deliveries = Deliveries()
    with receiving(count) as tally:
        while tally.count < count:
            chunk = link.receive()
            tally.feed(chunk)
            if answers := deliveries.acknowledgements(chunk):
                link.send(answers)


if __name__ == "__main__":
    play(send, receive)
