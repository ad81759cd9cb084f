"""The bare loop: the product's input and output without the product around it.

CURVE ROUTER → drain → one SQLite transaction with fsync (a message row, two inbox rows) → acknowledgements →
AES-GCM sealed XPUB. One broker, one sender, one receiver, each a process. No checks, no accounts, no limits,
no resend: what is left is what the libraries cost. Nothing of cnmessage is imported here.

    python -m bench.bare broker|sender|receiver SETTINGS
"""

import os
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

import apsw
import msgpack
import zmq
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.bodies import bodies
from bench.processes import Party, ended, free_port, ready, report, settings, wait_for_go

IN_FLIGHT = 2000
DRAIN = 1000
PUSH_ITEMS = 256
_TOPIC, _KEY = b"t" * 16, b"k" * 32
_ALICE, _BOB = 1, 2
_PREFIX = bytes(4)

SCHEMA = """
CREATE TABLE account (id INTEGER PRIMARY KEY, head INTEGER NOT NULL) STRICT;
INSERT INTO account VALUES (1, 0), (2, 0);
CREATE TABLE message (
    id BLOB PRIMARY KEY, sender INTEGER NOT NULL, client_id BLOB NOT NULL, kind INTEGER NOT NULL,
    recipients TEXT NOT NULL, addressed INTEGER NOT NULL, body TEXT NOT NULL, sent_at INTEGER NOT NULL,
    own_seq INTEGER NOT NULL, places BLOB NOT NULL, UNIQUE (sender, client_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE inbox (
    owner INTEGER NOT NULL, seq INTEGER NOT NULL, message BLOB NOT NULL, direction INTEGER NOT NULL,
    PRIMARY KEY (owner, seq)
) STRICT, WITHOUT ROWID;
"""


def measure(folder: Path, messages: int, list_size: int) -> float:
    """Delivered messages per second of one run, from the first send to the last one decoded."""
    public, secret = (key.decode() for key in zmq.curve_keypair())
    place = {"port": free_port(), "public": public, "count": messages, "list_size": list_size}
    broker = Party.role("bench.bare", "broker", data=str(folder / "bare.db"), secret=secret, **place)
    with ended(broker):
        receiver = Party.role("bench.bare", "receiver", **place)
        with ended(receiver):
            sender = Party.role("bench.bare", "sender", **place)
            with ended(sender):
                sender.go()
                started = sender.result()["started"]
                return messages / float(receiver.result()["ended"] - started)


# -- broker ---------------------------------------------------------------------------------------


class Broker:
    """ROUTER → SQLite → XPUB, nothing else."""

    def __init__(self, place: dict[str, Any]) -> None:
        self._database = apsw.Connection(place["data"])
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 4000"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute(SCHEMA)
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._zap = context.socket(zmq.ROUTER)
        self._zap.bind("inproc://zeromq.zap.01")
        self._requests = self._secured(context, zmq.ROUTER, place["secret"])
        self._requests.bind(f"tcp://127.0.0.1:{place['port']}")
        self._pushes = self._secured(context, zmq.XPUB, place["secret"])
        self._pushes.bind(f"tcp://127.0.0.1:{place['port'] + 1}")
        self._cipher = AESGCM(_KEY)
        self._sequence = 0
        self._heads = [0, 0, 0]
        self._ids = count(time.time_ns() // 1_000_000 << 80)

    def run(self) -> None:
        """Serve until terminated."""
        poller = zmq.Poller()
        for each in (self._zap, self._requests, self._pushes):
            poller.register(each, zmq.POLLIN)
        ready()
        while True:
            waiting = dict(poller.poll())
            if self._zap in waiting:
                frames = self._zap.recv_multipart()
                self._zap.send_multipart([*frames[:4], b"200", b"OK", b"someone", b""])
            if self._pushes in waiting:
                self._pushes.recv()
                self._push([])  # a hello
            if self._requests in waiting:
                self._serve()

    def _serve(self) -> None:
        calls = []
        for _ in range(DRAIN):
            try:
                peer = self._requests.recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                break
            peer.get("User-Id")
            calls.append((peer.bytes, msgpack.unpackb(self._requests.recv(), max_array_len=1024)))
        messages: list[tuple[Any, ...]] = []
        inbox: list[tuple[Any, ...]] = []
        items: list[Any] = []
        answers = [
            (
                routing_id,
                [1, request_id, "ok", {"acks": [self._store(row, messages, inbox, items) for row in rows]}],
            )
            for routing_id, (_, request_id, _, rows) in calls
        ]
        execute = self._database.execute
        execute("BEGIN IMMEDIATE")
        self._database.executemany("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", messages)
        self._database.executemany("INSERT INTO inbox VALUES (?, ?, ?, ?)", inbox)
        for owner in (_ALICE, _BOB):
            execute("UPDATE account SET head = ? WHERE id = ?", (self._heads[owner], owner))
        execute("COMMIT")
        for routing_id, answer in answers:
            self._requests.send_multipart([routing_id, msgpack.packb(answer)])
        for first in range(0, len(items), PUSH_ITEMS):
            self._push(items[first : first + PUSH_ITEMS])

    def _store(self, row: list[Any], messages: list[Any], inbox: list[Any], items: list[Any]) -> list[Any]:
        client_id, to, body = row
        identity = next(self._ids).to_bytes(16, "big")
        heads = self._heads
        heads[_ALICE] += 1
        heads[_BOB] += 1
        own, theirs, now = heads[_ALICE], heads[_BOB], time.time_ns() // 1_000_000
        messages.append((identity, _ALICE, client_id, 0, to[0], 1, body, now, own, _PREFIX * 4))
        inbox.append((_BOB, theirs, identity, 0))
        inbox.append((_ALICE, own, identity, 1))
        items.append((theirs, 0, identity, 0, "alice", to, now, body, None))
        return [client_id, identity, own, 1]

    def _push(self, items: list[Any]) -> None:
        self._sequence += 1
        sequence = self._sequence.to_bytes(8, "big")
        body = msgpack.packb(["items", {"items": items}])
        sealed = self._cipher.encrypt(_PREFIX + sequence, body, _TOPIC + sequence)
        self._pushes.send_multipart([_TOPIC, sequence, sealed])

    @staticmethod
    def _secured(
        context: "zmq.Context[zmq.Socket[bytes]]",
        kind: int,
        secret: str,
    ) -> "zmq.Socket[bytes]":
        own = context.socket(kind)
        own.setsockopt(zmq.CURVE_SERVER, 1)
        own.setsockopt(zmq.CURVE_SECRETKEY, secret.encode())
        own.setsockopt(zmq.ZAP_DOMAIN, b"bench")
        own.setsockopt(zmq.SNDHWM, 0)
        return own


# -- sender and receiver --------------------------------------------------------------------------


def _connected(kind: int, place: dict[str, Any], offset: int) -> "zmq.Socket[bytes]":
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
    own = context.socket(kind)
    public, secret = zmq.curve_keypair()
    own.setsockopt(zmq.CURVE_PUBLICKEY, public)
    own.setsockopt(zmq.CURVE_SECRETKEY, secret)
    own.setsockopt(zmq.CURVE_SERVERKEY, place["public"].encode())
    own.setsockopt(zmq.RCVHWM, 0)
    if kind == zmq.SUB:
        own.setsockopt(zmq.SUBSCRIBE, _TOPIC)
    own.connect(f"tcp://127.0.0.1:{place['port'] + offset}")
    return own


def send(place: dict[str, Any]) -> None:
    """Send all, never more than IN_FLIGHT unacknowledged, `list_size` of them in a request."""
    own = _connected(zmq.DEALER, place, 0)
    total, size = place["count"], place["list_size"]
    texts = bodies(total)
    ready()
    wait_for_go()
    started = time.monotonic()
    base = time.time_ns() // 1_000_000
    sent = acknowledged = 0
    while acknowledged < total:
        while sent < total and sent + size <= acknowledged + max(IN_FLIGHT, size):
            rows = [
                [(base << 80 | number).to_bytes(16, "big"), ["bob"], texts[number]]
                for number in range(sent, min(sent + size, total))
            ]
            own.send(msgpack.packb([1, sent, "send", rows]))
            sent += len(rows)
        reply = own.recv()
        while reply:
            acknowledged += len(msgpack.unpackb(reply)[3]["acks"])
            try:
                reply = own.recv(zmq.NOBLOCK)
            except zmq.Again:
                break
    report(started=started, ended=time.monotonic())


def receive(place: dict[str, Any]) -> None:
    """Open and decode until everything has come, each once and in order."""
    own = _connected(zmq.SUB, place, 1)
    cipher = AESGCM(_KEY)
    own.recv_multipart()
    ready()
    cursor = 0
    while cursor < place["count"]:
        topic, sequence, sealed = own.recv_multipart()
        body = cipher.decrypt(_PREFIX + sequence, sealed, topic + sequence)
        for item in msgpack.unpackb(body)[1]["items"]:
            assert item[0] == cursor + 1
            cursor = item[0]
    report(ended=time.monotonic())


if __name__ == "__main__":
    match sys.argv[1]:
        case "broker":
            Broker(settings()).run()
        case "sender":
            send(settings())
        case _:
            receive(settings())
    os._exit(0)  # nothing here needs a tidy end; libzmq's would only take time
