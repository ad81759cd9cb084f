"""A broker that lies as a test tells it: real sockets with CURVE, our frames, nothing else that is ours.

    with FakeBroker(users=lambda arguments: {"users": [], "more": True}) as broker:
        ...  # a client at broker.address

For each verb a function from the request's arguments to what is answered: a map, a Refusal, Raw bytes, Late
something, a list of several, or None for silence. What is not given is answered as an honest broker with one
user, `alice`, and an empty inbox would. `files` answers on the file channel, `listened` is called for each
subscription and `tick` all the time; both may `push`. It asks for no ZAP: every key may come.
"""

import os
import threading
import time
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import zmq
from zmq.utils import z85

from cnmessage_protocol.codec import encode
from cnmessage_protocol.envelope import OK, VERSION
from cnmessage_protocol.results import CAPABILITIES
from cnmessage_protocol.sealing import Sealer
from tests.support.harness import free_port
from tests.support.patience import PATIENCE
from tests.support.rows import item_row

ID, DIGEST = bytes(16), bytes(32)
TURN_MS = 5


@dataclass(frozen=True)
class Refusal:
    """An error as the answer."""

    code: str
    message: str = "no"


@dataclass(frozen=True)
class Raw:
    """These bytes as the whole frame."""

    frame: bytes


@dataclass(frozen=True)
class Late:
    """The answer, so many seconds later."""

    seconds: float
    answer: "Answer"


Answer = Mapping[str, Any] | Refusal | Raw | Late | list[Any] | None
Verb = Callable[[dict[str, Any]], Answer]
FileAnswer = list[tuple[Any, ...]]
"""What is said on the file channel, in order: `(verb, map)`, a chunk with its bytes as third."""


def item(seq: int, body: Any = "hello", **places: Any) -> list[Any]:
    """An inbox row; every place may be another one, by name."""
    return item_row(seq, body, **places)


def page(items: list[Any], head: int, *, more: bool = False, before: int = 0) -> dict[str, Any]:
    """A Page as it travels."""
    return {"items": items, "head": head, "more": more, "before": before}


def file_row(order: int, **places: Any) -> list[Any]:
    """A row of the list of files, of a file of three bytes that bob offers."""
    values = {
        "id": ID, "sender": "bob", "name": "a.txt", "size": 3, "sha256": DIGEST, "note": "", "time": 0,
        "expires": None, "state": "stored", "recipients": [["alice", "offered", 0]],
    }  # fmt: skip
    return [order, *(values | places).values()]


class FakeBroker:
    """One broker, answered for by a thread."""

    def __init__(
        self,
        *,
        files: Callable[[str, dict[str, Any], bytes], FileAnswer] | None = None,
        listened: Callable[["FakeBroker", bytes], None] | None = None,
        tick: Callable[["FakeBroker"], None] | None = None,
        **verbs: Verb,
    ) -> None:
        self.verbs: dict[str, Verb] = {**self._honest(), **verbs}
        self.counts: Counter[str] = Counter()
        """How often each verb was asked for, and `listen`; those of the file channel too."""
        self.peers: dict[bytes, int] = {}
        """Routing ids on the request socket, and the last request id of each."""
        self.transfers: set[tuple[bytes, bytes]] = set()
        """What was said on the file channel: routing id and name of the transfer."""
        self._files, self._listened, self._tick = files, listened, tick
        self._sealers: dict[bytes, Sealer] = {}
        self._late: list[tuple[float, bytes, int, Answer]] = []
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._public, self._secret = zmq.curve_keypair()
        self.port = free_port()
        key = urlsafe_b64encode(z85.decode(self._public)).decode().rstrip("=")
        self.address = f"cnm://127.0.0.1:{self.port}#{key}"
        self._sockets = [self._bind(kind, at) for at, kind in enumerate((zmq.ROUTER, zmq.XPUB, zmq.ROUTER))]
        self._stopping = threading.Event()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="fake broker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(PATIENCE)
        for socket in self._sockets:
            socket.close(linger=0)
        self._context.term()
        assert self.failure is None, f"the fake broker itself failed: {self.failure!r}"

    # -- for scripts, on the broker's thread ------------------------------------------------------

    def push(self, topic: bytes, kind: str, values: dict[str, Any]) -> None:
        """A sealed delivery on a topic that `attach` gave."""
        sealed = self._sealers[topic].seal(kind, values)
        self._send(self._sockets[1], sealed)

    def reply(self, peer: bytes, request_id: int, answer: Answer) -> None:
        """An answer, asked for or not."""
        match answer:
            case None:
                return
            case Late(seconds, later):
                self._late.append((time.monotonic() + seconds, peer, request_id, later))
            case Refusal(code, message):
                self._send(
                    self._sockets[0], [peer, encode([VERSION, request_id, code, {"message": message}])]
                )
            case Raw(frame):
                self._send(self._sockets[0], [peer, frame])
            case list():
                for each in answer:
                    self.reply(peer, request_id, each)
            case _:
                self._send(self._sockets[0], [peer, encode([VERSION, request_id, OK, dict(answer)])])

    def say_again(self, said: tuple[Any, ...]) -> None:
        """Something on every transfer of the file channel that was begun."""
        for peer, transfer in self.transfers:
            self._say(peer, transfer, said)

    @property
    def topics(self) -> list[bytes]:
        """Topics that were listened to."""
        return list(self._sealers)

    def attached(self, **other: Any) -> dict[str, Any]:
        """An honest Attached with a topic of its own, but for what is given."""
        topic, key = os.urandom(16), os.urandom(32)
        self._sealers[topic] = Sealer(topic, key)
        numbers = {
            "heartbeat": 1000,
            "expiry": 3000,
            "deliveries": 1,
            "max_body": 65536,
            "max_messages": 1000,
        }
        marks = {"user": "alice", "epoch": ID, "head": 0, "read_upto": 0}
        spoken = {"version": VERSION, "capabilities": list(CAPABILITIES)}
        return {**marks, "listener": topic, "key": key, **numbers, **spoken, **other}

    # -- inner ------------------------------------------------------------------------------------

    def _bind(self, kind: int, offset: int) -> "zmq.Socket[bytes]":
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, self._secret)
        socket.setsockopt(zmq.LINGER, 0)
        if kind == zmq.XPUB:
            socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        socket.bind(f"tcp://127.0.0.1:{self.port + offset}")
        return socket

    def _run(self) -> None:
        poller = zmq.Poller()
        for socket in self._sockets:
            poller.register(socket, zmq.POLLIN)
        handlers = (self._requested, self._subscribed, self._transferred)
        try:
            while not self._stopping.is_set():
                poller.poll(TURN_MS)
                for socket, handle in zip(self._sockets, handlers, strict=True):
                    for frames in _waiting(socket):
                        handle(frames)
                self._turn(time.monotonic())
        except BaseException as error:  # noqa: BLE001 - told by __exit__, on the test's own thread
            self.failure = error

    def _turn(self, now: float) -> None:
        due = [each for each in self._late if each[0] <= now]
        self._late = [each for each in self._late if each[0] > now]
        for _, peer, request_id, answer in due:
            self.reply(peer, request_id, answer)
        if self._tick is not None:
            self._tick(self)

    def _requested(self, frames: list[bytes]) -> None:
        import msgpack

        peer, frame = frames
        _, request_id, verb, arguments = msgpack.unpackb(frame)
        self.counts[verb] += 1
        self.peers[peer] = request_id
        self.reply(peer, request_id, self.verbs[verb](arguments))

    def _subscribed(self, frames: list[bytes]) -> None:
        topic = frames[0][1:]
        if frames[0][:1] != b"\x01" or topic not in self._sealers:
            return
        self.counts["listen"] += 1
        if self._listened is None:
            self.push(topic, "hello", {"head": 0})
        else:
            self._listened(self, topic)

    def _transferred(self, frames: list[bytes]) -> None:
        import msgpack

        peer, head, *data = frames
        _, transfer, verb, arguments = msgpack.unpackb(head)
        self.counts[verb] += 1
        if self._files is None:
            return
        self.transfers.add((peer, transfer))
        for said in self._files(verb, arguments, b"".join(data)):
            self._say(peer, transfer, said)

    def _say(self, peer: bytes, transfer: bytes, said: tuple[Any, ...]) -> None:
        verb, values, *chunk = said
        self._send(self._sockets[2], [peer, encode([VERSION, transfer, verb, values]), *chunk])

    def _send(self, socket: "zmq.Socket[bytes]", frames: list[bytes]) -> None:
        try:
            socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            self.counts["dropped"] += 1

    def _honest(self) -> dict[str, Verb]:
        marks = {"head": 0, "read_upto": 0}
        me = {"user": "alice", "device": 1}
        return {
            "signup": lambda _: me,
            "login": lambda _: me,
            "logout": lambda _: {},
            "passwd": lambda _: {"revoked": 0},
            "whoami": lambda _: {**me, **marks, "unread": 0, "blocked": 0},
            "devices": lambda _: {"devices": []},
            "revoke": lambda _: {},
            "attach": lambda _: self.attached(),
            "detach": lambda _: {},
            "beat": lambda _: {**marks, "epoch": ID},
            "send": lambda arguments: {"acks": [[row[0], row[0], 1, 1] for row in arguments["messages"]]},
            "sync": lambda _: page([], 0),
            "history": lambda _: page([], 0),
            "ack": lambda arguments: {"read_upto": arguments["upto"]},
            "users": lambda _: {"users": [["alice", True, 0]], "more": False},
            "conversations": lambda _: {"conversations": [], "more": False},
            "block": lambda _: {},
            "unblock": lambda _: {},
            "blacklist": lambda _: {"names": []},
            "receipts": lambda arguments: {
                "receipts": [[each, [["bob", "read"]]] for each in arguments["ids"]]
            },
            "files": lambda _: {"files": [], "more": False},
            "withdraw": lambda _: {},
            "decline": lambda _: {},
        }


def _waiting(socket: "zmq.Socket[bytes]") -> Iterator[list[bytes]]:
    for _ in range(100):
        try:
            yield socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return
