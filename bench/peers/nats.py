"""NATS JetStream: a stream in files, published to with acknowledgements, and a push consumer.

python -m bench.peers.nats sender|receiver SETTINGS
"""

import json
import re
from pathlib import Path
from typing import Any

from bench.bodies import bodies
from bench.peers.driver import Link, Peer, play, receiving, send_all
from bench.peers.server import Command
from bench.processes import BenchError

_CONNECT = b'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n'
_SEQUENCE = b'"seq":'
_REPLY = re.compile(rb"MSG bench 1 (\$JS\.ACK\.\S+) \d+\r\n")
_STREAM = {"name": "BENCH", "subjects": ["bench"], "storage": "file", "retention": "limits"}
_CONSUMER = {
    "durable_name": "bob",
    "deliver_subject": "to.bob",
    "deliver_policy": "all",
    "ack_policy": "all",
    "max_ack_pending": 10_000,
}


def _start(folder: Path, port: int) -> Command:
    config = folder / "nats.conf"
    store = json.dumps(str(folder / "jetstream"))
    config.write_text(f"listen: 127.0.0.1:{port}\njetstream {{ store_dir: {store} }}\n", encoding="utf-8")
    return Command(["nats-server", "-c", str(config)])


PEER = Peer(
    "NATS JetStream",
    "nats-server",
    "written to a file before the acknowledgement, fsync every two minutes; no encryption",
    "bench.peers.nats",
    _start,
)


def published(subject: bytes, reply: bytes, payload: bytes) -> bytes:
    """A PUB, answered at `reply`."""
    return b"PUB %s %s %d\r\n%s\r\n" % (subject, reply, len(payload), payload)


class Acknowledged:
    """Counts acknowledgements of a stream in what comes: each has the place of one message."""

    def __init__(self) -> None:
        self._tail = b""

    def __call__(self, chunk: bytes) -> int:
        """How many more are with this chunk."""
        data = self._tail + chunk
        self._tail = data[1 - len(_SEQUENCE) :]
        return data.count(_SEQUENCE)


def last_reply(data: bytes) -> bytes | None:
    """Where the last delivery in some bytes is acknowledged, and with it all before."""
    found = _REPLY.findall(data)
    return bytes(found[-1]) if found else None


def _asked(link: Link, subject: str, values: dict[str, Any]) -> None:
    link.send(published(f"$JS.API.{subject}".encode(), b"answers.1", json.dumps(values).encode()))
    answer = link.receive_until(b"}\r\n")
    if b'"error"' in answer:
        raise BenchError(f"JetStream does not want to: {answer!r}")


def _connected(link: Link) -> None:
    link.send(_CONNECT)
    link.receive_until(b"PONG\r\n")


def send(link: Link, count: int) -> None:
    _connected(link)
    link.send(b"SUB acks.* 1\r\n")
    frames = [published(b"bench", b"acks.1", text.encode()) for text in bodies(count)]
    send_all(link, frames, Acknowledged())


def receive(link: Link, count: int) -> None:
    _connected(link)
    link.send(b"SUB answers.* 2\r\nSUB to.bob 1\r\n")
    _asked(link, "STREAM.CREATE.BENCH", _STREAM)
    consumer = {"stream_name": "BENCH", "config": _CONSUMER}
    _asked(link, "CONSUMER.DURABLE.CREATE.BENCH.bob", consumer)
    head = b""
    with receiving(count) as tally:
        while tally.count < count:
            chunk = link.receive()
            tally.feed(chunk)
            # A head may be cut in two: the end of what came before is looked at again.
            if reply := last_reply(head + chunk):
                link.send(b"PUB %s 4\r\n+ACK\r\n" % reply)
            head = chunk[-200:]


if __name__ == "__main__":
    play(send, receive)
