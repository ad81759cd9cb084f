"""RabbitMQ: AMQP 0-9-1, a durable queue, persistent messages, confirms, a consumer that acknowledges.

python -m bench.peers.rabbitmq sender|receiver SETTINGS
"""

import struct
from pathlib import Path

from bench.bodies import bodies
from bench.peers.driver import Link, Peer, play, receiving, send_all
from bench.peers.server import Command, found
from bench.processes import free_port

_METHOD, _HEADER, _BODY = 1, 2, 3
_END = b"\xce"
_QUEUE = b"bench"
_CHANNEL = 1
_PREFETCH = 2000
_FRAME_MAX = 131_072
_PERSISTENT = 2
_ACK = (60, 80)
_ACK_FRAME = struct.Struct(">BHIHHQBc")
"""Type, channel, size, class, method, delivery tag, whether all before are meant, end."""


def _start(folder: Path, port: int) -> Command:
    others = str(free_port())
    # Debian's wrapper in the PATH changes to another user; the script itself stands beside it.
    script = Path(found("rabbitmq-server") or "").resolve().with_name("rabbitmq-server")
    return Command(
        [str(script)],
        {
            "RABBITMQ_NODENAME": "bench@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(int(others) + 1),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "logs"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": others,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RUNNING_UNDER_SYSTEMD": "true",  # its script becomes the server, instead of its parent
        },
        ["epmd", "-port", others, "-kill"],
    )


PEER = Peer(
    "RabbitMQ, durable queue",
    "rabbitmq-server",
    "on disk (fsync, many at a time) before the confirm; no encryption",
    "bench.peers.rabbitmq",
    _start,
)


def frame(kind: int, channel: int, content: bytes) -> bytes:
    """One frame."""
    return struct.pack(">BHI", kind, channel, len(content)) + content + _END


def method(channel: int, identity: tuple[int, int], arguments: bytes = b"") -> bytes:
    """A method's frame; its class and method are `identity`."""
    return frame(_METHOD, channel, struct.pack(">HH", *identity) + arguments)


def short(value: bytes) -> bytes:
    """A short string."""
    return bytes([len(value)]) + value


def long(value: bytes) -> bytes:
    """A long string, or an empty table."""
    return len(value).to_bytes(4, "big") + value


def published(body: bytes) -> bytes:
    """A persistent message to the queue: method, header and body."""
    publish = method(_CHANNEL, (60, 40), b"\x00\x00" + short(b"") + short(_QUEUE) + b"\x00")
    properties = struct.pack(">HHQHB", 60, 0, len(body), 0x1000, _PERSISTENT)
    return publish + frame(_HEADER, _CHANNEL, properties) + frame(_BODY, _CHANNEL, body)


class Confirms:
    """Counts confirmed messages: an acknowledgement is of one tag, or of all up to it, in any order."""

    def __init__(self) -> None:
        self._buffer = b""
        self._upto = 0
        self._above: set[int] = set()

    def __call__(self, chunk: bytes) -> int:
        """How many more are with this chunk."""
        data = self._buffer + chunk
        whole = len(data) - len(data) % _ACK_FRAME.size
        self._buffer = data[whole:]
        return sum(self._confirmed(*each[3:7]) for each in _ACK_FRAME.iter_unpack(data[:whole]))

    def _confirmed(self, kind: int, what: int, tag: int, multiple: int) -> int:
        if (kind, what) != _ACK:
            raise ValueError(f"RabbitMQ sent method {kind}.{what} instead of a confirm")
        before = self._upto + len(self._above)
        if multiple:
            self._upto = max(self._upto, tag)
            self._above = {each for each in self._above if each > self._upto}
        elif tag > self._upto:
            self._above.add(tag)
        while self._upto + 1 in self._above:
            self._upto += 1
            self._above.remove(self._upto)
        return self._upto + len(self._above) - before


def _opened(link: Link) -> None:
    """A connection, a channel, and the queue."""
    link.send(b"AMQP\x00\x00\x09\x01")
    link.receive_until(b"PLAIN")
    start = long(b"") + short(b"PLAIN") + long(b"\x00guest\x00guest") + short(b"en_US")
    link.send(method(0, (10, 11), start))
    link.receive_until(struct.pack(">HH", 10, 30))
    link.send(method(0, (10, 31), struct.pack(">HIH", 1, _FRAME_MAX, 0)))
    link.send(method(0, (10, 40), short(b"/") + short(b"") + b"\x00"))
    link.receive_until(struct.pack(">HH", 10, 41))
    link.send(method(_CHANNEL, (20, 10), short(b"")))
    link.receive_until(struct.pack(">HH", 20, 11))
    durable = b"\x02"
    link.send(method(_CHANNEL, (50, 10), b"\x00\x00" + short(_QUEUE) + durable + long(b"")))
    link.receive_until(struct.pack(">HH", 50, 11))


def send(link: Link, count: int) -> None:
    _opened(link)
    link.send(method(_CHANNEL, (85, 10), b"\x00"))
    link.receive_until(struct.pack(">HH", 85, 11) + _END)
    send_all(link, [published(body.encode()) for body in bodies(count)], Confirms())


def receive(link: Link, count: int) -> None:
    _opened(link)
    link.send(method(_CHANNEL, (60, 10), struct.pack(">IHB", 0, _PREFETCH, 0)))
    link.receive_until(struct.pack(">HH", 60, 11))
    consume = b"\x00\x00" + short(_QUEUE) + short(b"bob") + b"\x00" + long(b"")
    link.send(method(_CHANNEL, (60, 20), consume))
    link.receive_until(struct.pack(">HH", 60, 21))
    with receiving(count) as tally:
        while tally.count < count:
            if tally.feed(link.receive()):
                # Tags count a channel's deliveries, so the last one's is how many have come.
                link.send(method(_CHANNEL, _ACK, struct.pack(">QB", tally.count, 1)))


if __name__ == "__main__":
    play(send, receive)
