"""Redis Streams: XADD, answered once the append-only file is on disk, and a reader that blocks in XREAD.

python -m bench.peers.redis sender|receiver SETTINGS
"""

import re
from pathlib import Path

from bench.bodies import END, bodies
from bench.peers.driver import Link, Peer, play, receiving, send_all
from bench.peers.server import Command

_STREAM = b"bench"
_MOST = b"1000"
_HEAD = re.compile(rb"\*1\r\n\*2\r\n\$5\r\nbench\r\n\*(\d+)\r\n")
_ID = re.compile(rb"\r\n(\d+-\d+)\r\n")
_LAST_ENTRY = 400
"""More bytes than an entry takes."""


def _start(folder: Path, port: int) -> Command:
    return Command([
        "redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", "",
        "--appendonly", "yes", "--appendfsync", "always", "--daemonize", "no",
    ])  # fmt: skip


PEER = Peer(
    "Redis Streams",
    "redis-server",
    "on disk (fsync) before the acknowledgement; the reader keeps its own place; no encryption",
    "bench.peers.redis",
    _start,
)


def encoded(*words: bytes) -> bytes:
    """A command as RESP: an array of bulk strings."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(each), each) for each in words)


def acknowledged(chunk: bytes) -> int:
    """Answers to XADD in what has come: each is one bulk string, the entry's id."""
    return chunk.count(b"$")


def whole(reply: bytes) -> bytes | None:
    """The id of the last entry once an answer to XREAD is whole; None before."""
    head = _HEAD.match(reply)
    ends = END.encode() + b"\r\n"
    if head is None or not reply.endswith(ends) or reply.count(ends) < int(head[1]):
        return None
    return bytes(_ID.findall(reply[-_LAST_ENTRY:])[-1])


def send(link: Link, count: int) -> None:
    frames = [encoded(b"XADD", _STREAM, b"*", b"b", text.encode()) for text in bodies(count)]
    send_all(link, frames, acknowledged)


def receive(link: Link, count: int) -> None:
    last = b"0"
    with receiving(count) as tally:
        while tally.count < count:
            link.send(encoded(b"XREAD", b"COUNT", _MOST, b"BLOCK", b"0", b"STREAMS", _STREAM, last))
            reply, ended = b"", None
            while ended is None:
                chunk = link.receive()
                tally.feed(chunk)
                reply += chunk
                ended = whole(reply)
            last = ended


if __name__ == "__main__":
    play(send, receive)
